/**
 * Names of things, branded so that a buyer can never be passed where a drop is asked for.
 *
 * Everything Postgres mints (users, creators, products, drops) is a UUID v7. An order's id is not minted but computed
 * from (drop, buyer, key), so that a retry meets the same row even after Redis lost everything: see rooms/order-id.ts.
 * The patterns are strict because a drop id becomes part of a Redis key and a NATS subject: a brace, a dot or a star in
 * it would break out of its place.
 */
import { z } from 'zod'

declare const brand: unique symbol
type Branded<Name extends string> = string & { readonly [brand]: Name }

export type DropId = Branded<'DropId'>
export type UserId = Branded<'UserId'>
export type CreatorId = Branded<'CreatorId'>
export type ProductId = Branded<'ProductId'>
export type OrderId = Branded<'OrderId'>
/** A process that carries sockets and rooms; new at every boot, so that a restarted node is never taken for itself. */
export type NodeId = Branded<'NodeId'>
/** Stock keeping unit: one variant of a product. 1 to 64 characters. */
export type Sku = Branded<'Sku'>
/** Chosen by the client, one for each thing it wants to happen at most once. 1 to 64 characters. */
export type IdempotencyKey = Branded<'IdempotencyKey'>

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const ORDER_ID = /^[a-z2-7]{26}$/
const SKU = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/
const KEY = /^[A-Za-z0-9._~-]{1,64}$/
const NODE_ID = /^[a-z0-9-]{1,64}$/

const uuid = <Id extends string>(what: string) =>
  z.string().regex(UUID, `${what} must be a lower-case UUID`) as unknown as z.ZodType<Id, string>

export const dropIdSchema = uuid<DropId>('drop')
export const userIdSchema = uuid<UserId>('user')
export const creatorIdSchema = uuid<CreatorId>('creator')
export const productIdSchema = uuid<ProductId>('product')
export const orderIdSchema = z
  .string()
  .regex(ORDER_ID, 'an order id is 26 characters of a-z2-7') as unknown as z.ZodType<OrderId, string>
export const skuSchema = z
  .string()
  .regex(SKU, 'a sku is 1 to 64 of A-Z a-z 0-9 . _ -, beginning with a letter or digit') as unknown as z.ZodType<
  Sku,
  string
>
export const idempotencyKeySchema = z
  .string()
  .regex(KEY, 'a key is 1 to 64 of A-Z a-z 0-9 . _ ~ -') as unknown as z.ZodType<IdempotencyKey, string>

export const isDropId = (text: unknown): text is DropId => typeof text === 'string' && UUID.test(text)
export const isUserId = (text: unknown): text is UserId => typeof text === 'string' && UUID.test(text)
export const isCreatorId = (text: unknown): text is CreatorId => typeof text === 'string' && UUID.test(text)
export const isOrderId = (text: unknown): text is OrderId => typeof text === 'string' && ORDER_ID.test(text)
export const isSku = (text: unknown): text is Sku => typeof text === 'string' && SKU.test(text)
export const isIdempotencyKey = (text: unknown): text is IdempotencyKey => typeof text === 'string' && KEY.test(text)
export const isNodeId = (text: unknown): text is NodeId => typeof text === 'string' && NODE_ID.test(text)
