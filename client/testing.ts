/** `@livedrop/client/testing`: a server that says what a test tells it to, and a world whose time a test winds by hand. */
export { HAND_START_MS, HandWorld, rested } from './testing/hand-world.ts'
export { ScriptedLink, ScriptedServer } from './testing/scripted-server.ts'
