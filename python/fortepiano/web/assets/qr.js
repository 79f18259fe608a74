/**
 * QR codes (ISO/IEC 18004) for addresses: bytes, error correction level L, versions 1 to 10.
 * Sizes by version: how many codewords there are, how many of a block correct errors, how many blocks.
 */
const TOTAL = [26, 44, 70, 100, 134, 172, 196, 242, 292, 346];
const CHECKS = [7, 10, 15, 20, 26, 18, 20, 24, 30, 18];
const BLOCKS = [1, 1, 1, 1, 1, 2, 2, 2, 2, 4];

// The field GF(256) over x^8 + x^4 + x^3 + x^2 + 1.
const EXP = new Uint8Array(510);
const LOG = new Uint8Array(256);
for (let i = 0, x = 1; i < 255; i += 1, x = (x << 1) ^ (x > 127 ? 0x11d : 0)) {
  EXP[i] = EXP[i + 255] = x;
  LOG[x] = i;
}

/** @param {number} a @param {number} b */
const times = (a, b) => (a && b ? /** @type {number} */ (EXP[at(LOG, a) + at(LOG, b)]) : 0);

/** @param {ArrayLike<number>} list @param {number} i */
const at = (list, i) => /** @type {number} */ (list[i]);

/**
 * The code of a text: rows of modules, true where dark. Undefined where it is too long.
 *
 * @param {string} text
 * @returns {boolean[][] | undefined}
 */
export function qr(text) {
  const bytes = new TextEncoder().encode(text);
  const version = TOTAL.findIndex((total, i) => bytes.length + (i < 9 ? 2 : 3) <= total - at(CHECKS, i) * at(BLOCKS, i)) + 1;
  if (version === 0) return undefined;
  const words = interleaved(encoded(bytes, version), version);
  const size = 17 + 4 * version;
  const grid = Array.from({ length: size }, () => /** @type {(boolean | undefined)[]} */ (new Array(size).fill(undefined)));
  /** @param {number} x @param {number} y @param {boolean} dark */
  const set = (x, y, dark) => {
    const row = grid[y];
    if (row && x >= 0 && x < size) row[x] = dark;
  };
  // Three corners, each with its light frame.
  for (const [cx, cy] of /** @type {[number, number][]} */ ([[3, 3], [size - 4, 3], [3, size - 4]])) {
    for (let y = -4; y <= 4; y += 1) for (let x = -4; x <= 4; x += 1) set(cx + x, cy + y, ![2, 4].includes(Math.max(Math.abs(x), Math.abs(y))));
  }
  // Alignment: one in versions 2 to 6, six (with a middle) from 7 on.
  const last = size - 7;
  const places = version === 1 ? [] : version < 7 ? [6, last] : [6, 6 + Math.ceil((last - 6) / 4) * 2, last];
  for (const cy of places) {
    for (const cx of places) {
      if ((cx === 6 && cy !== 6 && cy === last) || (cy === 6 && (cx === 6 || cx === last))) continue;
      for (let y = -2; y <= 2; y += 1) for (let x = -2; x <= 2; x += 1) set(cx + x, cy + y, Math.max(Math.abs(x), Math.abs(y)) !== 1);
    }
  }
  for (let i = 8; i < size - 8; i += 1) {
    set(i, 6, i % 2 === 0);
    set(6, i, i % 2 === 0);
  }
  // Level L, mask 0 (dark where x + y is even), with its check bits; then the version's.
  const format = 0b111011111000100;
  for (let i = 0; i < 15; i += 1) {
    const dark = ((format >> i) & 1) === 1;
    set(8, i < 6 ? i : i < 8 ? i + 1 : size - 15 + i, dark);
    set(i < 8 ? size - 1 - i : i < 9 ? 7 : 14 - i, 8, dark);
  }
  set(8, size - 8, true);
  if (version >= 7) {
    let rest = version << 12;
    for (let bit = 17; bit >= 12; bit -= 1) if (rest & (1 << bit)) rest ^= 0x1f25 << (bit - 12);
    const bits = (version << 12) | rest;
    for (let i = 0; i < 18; i += 1) {
      const dark = ((bits >> i) & 1) === 1;
      set(Math.floor(i / 3), size - 11 + (i % 3), dark);
      set(size - 11 + (i % 3), Math.floor(i / 3), dark);
    }
  }
  // The data, in columns of two from the right, up and down in turn.
  let bit = 0;
  for (let right = size - 1, up = true; right > 0; right -= 2, up = !up) {
    if (right === 6) right = 5;
    for (let step = 0; step < size; step += 1) {
      const y = up ? size - 1 - step : step;
      for (const x of [right, right - 1]) {
        if (grid[y]?.[x] !== undefined) continue;
        const dark = ((words[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1;
        set(x, y, (dark === 1) !== ((x + y) % 2 === 0));
        bit += 1;
      }
    }
  }
  return /** @type {boolean[][]} */ (grid);
}

/**
 * @param {Uint8Array} bytes
 * @param {number} version
 */
function encoded(bytes, version) {
  const room = at(TOTAL, version - 1) - at(CHECKS, version - 1) * at(BLOCKS, version - 1);
  const length = version < 10 ? [bytes.length] : [bytes.length >> 8, bytes.length & 255];
  const words = [];
  // Four bits say "bytes", so all that follows is shifted by half a word.
  let before = 4;
  for (const byte of [...length, ...bytes, 0]) {
    words.push((before << 4) | (byte >> 4));
    before = byte & 15;
  }
  while (words.length < room) words.push((words.length - bytes.length - length.length) % 2 ? 0xec : 0x11);
  return words.slice(0, room);
}

/**
 * The words of all blocks in turn, then those that correct errors.
 *
 * @param {number[]} words
 * @param {number} version
 */
function interleaved(words, version) {
  const blocks = at(BLOCKS, version - 1);
  const checks = at(CHECKS, version - 1);
  const short = Math.floor(words.length / blocks);
  const longer = words.length % blocks;
  /** @type {number[][]} */
  const data = [];
  for (let i = 0, from = 0; i < blocks; i += 1) {
    const length = short + (i >= blocks - longer ? 1 : 0);
    data.push(words.slice(from, from + length));
    from += length;
  }
  const corrections = data.map((block) => remainder(block, checks));
  const turns = (/** @type {number[][]} */ lists, /** @type {number} */ most) =>
    Array.from({ length: most }, (_, i) => lists.flatMap((list) => (i < list.length ? [at(list, i)] : []))).flat();
  return [...turns(data, short + 1), ...turns(corrections, checks)];
}

/**
 * Reed-Solomon: the remainder of the block over the generator of so many checks.
 *
 * @param {number[]} block
 * @param {number} checks
 */
function remainder(block, checks) {
  let generator = [1];
  for (let i = 0; i < checks; i += 1) {
    generator = [...generator, 0].map((term, j) => term ^ times(generator[j - 1] ?? 0, at(EXP, i)));
  }
  const rest = [...block, ...new Array(checks).fill(0)];
  for (let i = 0; i < block.length; i += 1) {
    const factor = at(rest, i);
    generator.forEach((term, j) => (rest[i + j] = at(rest, i + j) ^ times(term, factor)));
  }
  return rest.slice(block.length);
}
