/**
 * (H, W) arrays, and what is asked of them everywhere.
 *
 * In and out: { height, width, data }, data a Float32Array of grey values or a Uint8Array of 0 and 1
 * (a mask), row after row; boxes { top, bottom, left, right }, the ends not within.
 * Numbers are rounded where numpy rounds them: float32 after each step (`f32`), halves to the even
 * one (`rounded`). A threshold's side is then the same here and there.
 */

export const f32 = Math.fround;

export function grey(height, width) {
  return { height, width, data: new Float32Array(height * width) };
}

export function mapped({ height, width, data }, to) {
  const found = grey(height, width);
  for (let i = 0; i < data.length; i += 1) found.data[i] = to(data[i], i);
  return found;
}

/** The mask of where `is` holds, of a value and its index. */
export function marked({ height, width, data }, is) {
  const found = { height, width, data: new Uint8Array(data.length) };
  for (let i = 0; i < data.length; i += 1) found.data[i] = is(data[i], i) ? 1 : 0;
  return found;
}

export function mean(values) {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

export function sorted(values) {
  return Float32Array.from(values).sort();
}

/** Of an even number of values the middle between two; NaN of none. */
export function median(values) {
  const ordered = Float64Array.from(values).sort();
  const middle = ordered.length >> 1;
  return ordered.length % 2 ? ordered[middle] : (ordered[middle - 1] + ordered[middle]) / 2;
}

export function extremes(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

/** The nearest whole number, of two the even one. */
export function rounded(value) {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 ? below + 1 : below;
}

export const clipped = (value, low, high) => Math.min(Math.max(value, low), high);

/** A copy of what lies in the box. */
export function cropped(array, { top, bottom, left, right }) {
  const [height, width] = [bottom - top, right - left];
  const data = new array.data.constructor(height * width);
  for (let y = 0; y < height; y += 1) {
    const start = (top + y) * array.width + left;
    data.set(array.data.subarray(start, start + width), y * width);
  }
  return { height, width, data };
}

export function padded(array, by) {
  const [height, width] = [array.height + 2 * by, array.width + 2 * by];
  const found = { height, width, data: new array.data.constructor(height * width) };
  for (let y = 0; y < array.height; y += 1) {
    const row = array.data.subarray(y * array.width, (y + 1) * array.width);
    found.data.set(row, (y + by) * found.width + by);
  }
  return found;
}

/** Turned clockwise by so many quarters. */
export function turned(array, quarters) {
  let found = array;
  for (let n = 0; n < quarters; n += 1) found = turnedOnce(found);
  return found;
}

function turnedOnce({ height, width, data }) {
  const found = grey(width, height);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) found.data[x * height + height - 1 - y] = data[y * width + x];
  }
  return found;
}

/** All values of the array's four edges, corners twice. */
export function border({ height, width, data }) {
  const found = [...data.subarray(0, width), ...data.subarray((height - 1) * width)];
  for (let y = 0; y < height; y += 1) found.push(data[y * width], data[y * width + width - 1]);
  return found;
}

/** The box around all that is not 0, or null. */
export function extent({ height, width, data }) {
  const box = { top: height, bottom: 0, left: width, right: 0 };
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      if (!data[y * width + x]) continue;
      box.top = Math.min(box.top, y);
      box.bottom = y + 1;
      box.left = Math.min(box.left, x);
      box.right = Math.max(box.right, x + 1);
    }
  }
  return box.bottom ? box : null;
}
