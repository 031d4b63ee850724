/**
 * What Node is told about the memory of a node, wherever one is started: here, and by the Dockerfile in the same words.
 *
 * An order's objects live for some tens of milliseconds. In the young generation's default (16 MB) many of them outlive
 * two collections at full load and are moved to the old one; with more room they die young.
 *
 * And the old one is collected when it has grown by a third. V8's own measure is how fast memory is asked for: under load
 * it lets the old generation grow to several times of what is held, so that a node that writes what an outage left behind
 * held hundreds of megabytes of garbage, and one that remembers a little more for each minute seemed to grow by twice that.
 */
export const NODE_FLAGS: readonly string[] = ['--max-semi-space-size=32', '--heap-growing-percent=30']
