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

export function mask(height, width) {
  return { height, width, data: new Uint8Array(height * width) };
}

export function mapped({ height, width, data }, to) {
  const found = grey(height, width);
  for (let i = 0; i < data.length; i += 1) found.data[i] = to(data[i], i);
  return found;
}

/** The mask of where `is` holds, of a value and its place. */
export function marked({ height, width, data }, is) {
  const found = mask(height, width);
  for (let i = 0; i < data.length; i += 1) found.data[i] = is(data[i], i) ? 1 : 0;
  return found;
}

export const asGrey = (array) => ({ ...array, data: Float32Array.from(array.data) });
export const copied = (array) => ({ ...array, data: array.data.slice() });
export const not = (a) => marked(a, (value) => !value);

// Of masks. Each with a loop of its own: one for all, with a function for each pixel, takes thrice as long.
export function both(a, b) {
  const found = copied(a);
  for (let i = 0; i < found.data.length; i += 1) found.data[i] &= b.data[i];
  return found;
}

export function either(a, b) {
  const found = copied(a);
  for (let i = 0; i < found.data.length; i += 1) found.data[i] |= b.data[i];
  return found;
}

export function without(a, b) {
  const found = copied(a);
  for (let i = 0; i < found.data.length; i += 1) found.data[i] &= ~b.data[i];
  return found;
}
export const some = ({ data }) => data.includes(1);

/** The values where the mask is set. */
export function at({ data }, set) {
  const found = new data.constructor(count(set));
  for (let i = 0, n = 0; n < found.length; i += 1) if (set.data[i]) found[n++] = data[i];
  return found;
}

export function count({ data }) {
  let n = 0;
  for (const value of data) n += value;
  return n;
}

export const share = (array) => count(array) / array.data.length;

export function mean(values) {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

export function sorted(values) {
  return Float32Array.from(values).sort();
}

/** As numpy's of float32 values; NaN of none. */
export function median(values) {
  const own = Float32Array.from(values);
  const middle = own.length >> 1;
  const above = nth(own, middle);
  return own.length % 2 ? above : f32(f32(nth(own, middle - 1) + above) / 2);
}

/** The value that would be at place n if `own` were in order; moves its values. Source: Hoare 1961. */
export function nth(own, n) {
  let [left, right] = [0, own.length - 1];
  while (left < right) {
    const pivot = own[n];
    let [low, high] = [left, right];
    while (low <= high) {
      while (own[low] < pivot) low += 1;
      while (own[high] > pivot) high -= 1;
      if (low > high) break;
      const value = own[low];
      own[low++] = own[high];
      own[high--] = value;
    }
    if (high < n) left = low;
    if (low > n) right = high;
  }
  return own[n];
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

export const sizeOf = ({ top, bottom, left, right }) => [bottom - top, right - left];

/** A copy of what lies in the box; the box may reach out of the array. */
export function cropped(array, { top, bottom, left, right }) {
  const height = Math.max(0, Math.min(bottom, array.height) - top);
  const width = Math.max(0, Math.min(right, array.width) - left);
  const data = new array.data.constructor(height * width);
  for (let y = 0; y < height; y += 1) {
    const start = (top + y) * array.width + left;
    data.set(array.data.subarray(start, start + width), y * width);
  }
  return { height, width, data };
}

/** Call `act` with the place in `array`, and in the box, of each pixel of the box. */
export function eachIn(array, { top, bottom, left, right }, act) {
  let inner = 0;
  for (let y = top; y < bottom; y += 1) {
    for (let x = left; x < right; x += 1) act(y * array.width + x, inner++);
  }
}

export function padded(array, by) {
  const found = { height: array.height + 2 * by, width: array.width + 2 * by };
  found.data = new array.data.constructor(found.height * found.width);
  for (let y = 0; y < array.height; y += 1) {
    const row = array.data.subarray(y * array.width, (y + 1) * array.width);
    found.data.set(row, (y + by) * found.width + by);
  }
  return found;
}

export function transposed({ height, width, data }) {
  const found = { height: width, width: height, data: new data.constructor(data.length) };
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) found.data[x * height + y] = data[y * width + x];
  }
  return found;
}

/** Turned a quarter to the left so many times. */
export function turned(array, times) {
  let found = array;
  for (let n = 0; n < (times + 4) % 4; n += 1) found = upsideDown(transposed(found));
  return found;
}

function upsideDown({ height, width, data }) {
  const found = { height, width, data: new data.constructor(data.length) };
  for (let y = 0; y < height; y += 1) {
    found.data.set(data.subarray(y * width, (y + 1) * width), (height - 1 - y) * width);
  }
  return found;
}

/** All values of the array's four edges, corners twice. */
export function border({ height, width, data }) {
  const found = [...data.subarray(0, width), ...data.subarray((height - 1) * width)];
  for (let y = 0; y < height; y += 1) found.push(data[y * width]);
  for (let y = 0; y < height; y += 1) found.push(data[y * width + width - 1]);
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
