// Classes of numbers by which areas are coloured.

const CLASSES = 5;

/**
 * Upper ends of at most five classes of equal width, in round numbers; empty when nothing is above zero.
 * @param {number[]} values
 */
export function classes(values) {
  const most = Math.max(0, ...values);
  if (!most) return [];
  const rough = most / CLASSES;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const width = Math.max(1, (/** @type {number} */ ([1, 2, 2.5, 5, 10].find((step) => step * unit >= rough))) * unit);
  const ends = [];
  for (let end = Math.ceil(width); ends.length < CLASSES && (ends.at(-1) ?? 0) < most; end = Math.ceil(width * (ends.length + 1))) ends.push(end);
  return ends;
}

/**
 * A class in words: its least and its greatest whole number, or the only one.
 * @param {number[]} ends
 * @param {number} place
 * @param {(value: number) => string} write
 */
export function wordsOfClass(ends, place, write) {
  const [least, most] = [(ends[place - 1] ?? 0) + 1, ends[place] ?? 0];
  return least === most ? write(most) : `${write(least)}–${write(most)}`;
}

/** @param {number} value @param {number[]} ends */
export function classOf(value, ends) {
  const found = ends.findIndex((end) => value <= end);
  return found < 0 ? ends.length - 1 : found;
}
