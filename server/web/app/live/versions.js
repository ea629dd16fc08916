// Which layers' tiles to ask for again: told by the stream's notices, whose versions show when one was missed.

/** @typedef {{ layer: string, since: number, version: number, sets: object | null }} Notice */

/**
 * Layers with a tile that may have changed; a gap in the versions means a missed notice.
 * @param {Notice[]} notices
 * @param {Map<string, number>} versions  of each layer in its last notice; brought up to date
 * @returns {string[]}
 */
export function redrawn(notices, versions) {
  const found = new Set();
  for (const { layer, since, version, sets } of notices) {
    const missed = (versions.get(layer) ?? since) !== since;
    const nowhere = sets !== null && Object.keys(sets).length === 0;
    if (missed || !nowhere) found.add(layer);
    versions.set(layer, version);
  }
  return [...found];
}
