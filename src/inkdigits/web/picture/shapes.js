/**
 * Shapes in masks and in grey pictures: connected groups, depths, and ink made broader.
 *
 * In: (H, W) masks or grey values. Out: the same as OpenCV's. Written out here: OpenCV's build for
 * browsers weighs 8 to 11 MB, half as much again as the whole page, and makes its functions by
 * `new Function`, which a strict policy forbids.
 */

import { grey } from "./arrays.js";

/** The groups of a mask, corners joined: { labels, boxes, sizes }, labels 0 for none, else from 1 on. */
export function connected({ height, width, data }) {
  const labels = new Int32Array(data.length);
  const [boxes, sizes] = [[], []];
  for (let first = 0; first < data.length; first += 1) {
    if (!data[first] || labels[first]) continue;
    const number = boxes.length + 1;
    const box = { top: height, bottom: 0, left: width, right: 0 };
    const stack = [first];
    let size = 0;
    labels[first] = number;
    while (stack.length) {
      const pixel = stack.pop();
      const [row, column] = [Math.floor(pixel / width), pixel % width];
      size += 1;
      box.top = Math.min(box.top, row);
      box.bottom = Math.max(box.bottom, row + 1);
      box.left = Math.min(box.left, column);
      box.right = Math.max(box.right, column + 1);
      for (let r = Math.max(0, row - 1); r <= Math.min(height - 1, row + 1); r += 1) {
        for (let c = Math.max(0, column - 1); c <= Math.min(width - 1, column + 1); c += 1) {
          const next = r * width + c;
          if (!data[next] || labels[next]) continue;
          labels[next] = number;
          stack.push(next);
        }
      }
    }
    boxes.push(box);
    sizes.push(size);
  }
  return { labels: { height, width, data: labels }, boxes, sizes };
}

/** Grey values, each the largest within that many pixels, and a little at the corners. */
export function dilatedByDisc({ height, width, data }, radius) {
  const found = grey(height, width);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      let most = 0;
      for (let dy = Math.max(-radius, -y); dy <= Math.min(radius, height - 1 - y); dy += 1) {
        const reach = Math.floor(Math.sqrt(radius * radius + 1 - dy * dy));
        const end = (y + dy) * width + Math.min(width - 1, x + Math.min(radius, reach));
        for (let i = (y + dy) * width + Math.max(0, x - Math.min(radius, reach)); i <= end; i += 1) {
          if (data[i] > most) most = data[i];
        }
      }
      found.data[y * width + x] = most;
    }
  }
  return found;
}

/** Each pixel's distance to the nearest one outside the mask, of which there is one in every column. */
export function depths({ height, width, data }) {
  const found = grey(height, width);
  const up = new Float64Array(data.length); // to the nearest one in its own column
  for (let x = 0; x < width; x += 1) {
    let from = Infinity;
    for (let y = 0; y < height; y += 1) up[y * width + x] = from = data[y * width + x] ? from + 1 : 0;
    for (let y = height - 1; y >= 0; y -= 1) {
      from = data[y * width + x] ? from + 1 : 0;
      up[y * width + x] = Math.min(up[y * width + x], from);
    }
  }
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      let least = Infinity;
      for (let other = 0; other < width; other += 1) {
        least = Math.min(least, (x - other) ** 2 + up[y * width + other] ** 2);
      }
      found.data[y * width + x] = Math.sqrt(least);
    }
  }
  return found;
}
