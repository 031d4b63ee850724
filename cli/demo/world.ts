/**
 * The people and things of the demo: four makers, what they sell, and the drops that were, are and will be.
 *
 * Invented, and small enough to be known by heart: what a page or an app shows of it can be checked by eye.
 */

export interface DemoProduct {
  title: string
  description: string
  /** A file of `pictures/`. */
  picture: string
  /** SKU, title, price in minor units of EUR. */
  variants: readonly (readonly [sku: string, title: string, priceMinor: number])[]
}

export interface DemoCreator {
  /** Before the @ of the address to sign in with. */
  name: string
  displayName: string
  /** How many of the fans follow, counted from the first. */
  followers: number
  products: Readonly<Record<string, DemoProduct>>
}

export interface DemoDrop {
  creator: string
  product: string
  /** Seconds from now; what opens in the past opens at once. */
  opensInS: number
  /** `live`: stays open. `over`: closed once its orders are placed. `coming`: waits. */
  becomes: 'over' | 'live' | 'coming'
  stock: Readonly<Record<string, number>>
  limitPerBuyer?: number
  lowStockAt?: number
  /** What the first fans order, one each: their SKU and units. */
  orders: readonly (readonly [sku: string, qty: number])[]
}

const DAY_S = 86_400

const times = <T>(count: number, thing: T): T[] => Array.from({ length: count }, () => thing)

export const CREATORS: readonly DemoCreator[] = [
  {
    name: 'mia',
    displayName: 'Mia Makes',
    followers: 24,
    products: {
      mug: {
        title: 'Moon mug',
        description: 'Thrown by hand, glazed like a night sky. Every drop is one kiln.',
        picture: 'moon-mug.svg',
        variants: [
          ['MUG-SAND', 'Sand', 3_400],
          ['MUG-INK', 'Ink', 3_400],
        ],
      },
      bowl: {
        title: 'Breakfast bowl',
        description: 'Holds exactly one good breakfast.',
        picture: 'breakfast-bowl.svg',
        variants: [['BOWL', 'One size', 2_900]],
      },
    },
  },
  {
    name: 'nordlicht',
    displayName: 'Nordlicht Prints',
    followers: 12,
    products: {
      aurora: {
        title: 'Aurora, signed print',
        description: 'Two-colour risograph on cotton paper, numbered and signed.',
        picture: 'aurora-print.svg',
        variants: [
          ['AURORA-A3', 'A3', 4_500],
          ['AURORA-A2', 'A2', 7_900],
        ],
      },
    },
  },
  {
    name: 'kilo',
    displayName: 'Kilo Sneakers',
    followers: 30,
    products: {
      one: {
        title: 'Kilo One',
        description: 'A thousand grams a pair, all of it leather. One pair a person.',
        picture: 'kilo-one.svg',
        variants: [
          ['KILO-41', 'EU 41', 18_900],
          ['KILO-42', 'EU 42', 18_900],
          ['KILO-43', 'EU 43', 18_900],
        ],
      },
    },
  },
  {
    name: 'tapedeck',
    displayName: 'Tape Deck Records',
    followers: 18,
    products: {
      dawn: {
        title: 'Live at Dawn',
        description: 'Recorded on a roof, pressed once.',
        picture: 'live-at-dawn.svg',
        variants: [
          ['DAWN-BLACK', 'Black vinyl', 2_600],
          ['DAWN-AMBER', 'Amber vinyl', 3_200],
        ],
      },
    },
  },
]

/** More than the largest following, so that somebody follows nobody. */
export const FANS = 32

export const DROPS: readonly DemoDrop[] = [
  {
    ...{ creator: 'mia', product: 'mug', becomes: 'over', opensInS: -9 * DAY_S },
    stock: { 'MUG-SAND': 12, 'MUG-INK': 8 },
    limitPerBuyer: 2,
    // Sold out to the last cup.
    orders: [...times(6, ['MUG-SAND', 2] as const), ...times(8, ['MUG-INK', 1] as const)],
  },
  {
    ...{ creator: 'nordlicht', product: 'aurora', becomes: 'over', opensInS: -3 * DAY_S },
    stock: { 'AURORA-A3': 30, 'AURORA-A2': 10 },
    orders: [...times(9, ['AURORA-A3', 1] as const), ...times(4, ['AURORA-A2', 1] as const)],
  },
  {
    ...{ creator: 'tapedeck', product: 'dawn', becomes: 'live', opensInS: -600 },
    stock: { 'DAWN-BLACK': 120, 'DAWN-AMBER': 25 },
    limitPerBuyer: 5,
    lowStockAt: 10,
    orders: [...times(10, ['DAWN-BLACK', 1] as const), ...times(6, ['DAWN-AMBER', 1] as const)],
  },
  {
    ...{ creator: 'kilo', product: 'one', becomes: 'live', opensInS: -60 },
    stock: { 'KILO-41': 4, 'KILO-42': 12, 'KILO-43': 6 },
    limitPerBuyer: 1,
    lowStockAt: 3,
    // One size is gone already.
    orders: [...times(4, ['KILO-41', 1] as const), ...times(5, ['KILO-42', 1] as const)],
  },
  {
    ...{ creator: 'mia', product: 'bowl', becomes: 'coming', opensInS: 900 },
    ...{ stock: { BOWL: 40 }, limitPerBuyer: 2, lowStockAt: 5, orders: [] },
  },
  {
    ...{ creator: 'nordlicht', product: 'aurora', becomes: 'coming', opensInS: DAY_S },
    ...{ stock: { 'AURORA-A3': 50 }, limitPerBuyer: 1, orders: [] },
  },
]

/** The drop that a person is shown how to order from. */
export const ORDER_BY_HAND = { creator: 'tapedeck', sku: 'DAWN-BLACK' } as const
