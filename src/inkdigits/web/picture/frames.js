/**
 * A frame drawn or printed around the digit: a form's cell, or what the picture shows of it.
 *
 * In: a mask of ink. Out: the mask without such frames. The reasons for each number are in frames.py.
 */

import { copied, count, cropped, eachIn, marked, median, rounded, sizeOf, some, turned } from "./arrays.js";
import { connected } from "./shapes.js";

const LEAST = 12;
const ZONE = 0.16;
const COVER = 0.85;
const THICK = 0.12;
const INSIDE = 0.3;
const [STRAIGHT, STRAIGHT_PIXELS] = [0.02, 1.5];
const REST = 0.15;
const MOST = 40;
const LONG = 5;
const LONGER = 1.3;
const [NEAR, FAR] = [0.15, 1];

/** The mask without the lines of every frame that holds something as high as a digit. */
export function withoutFrames(mask) {
  const { labels, boxes } = connected(mask);
  const cleared = copied(mask);
  boxes.forEach((box, index) => {
    if (Math.min(...sizeOf(box)) < LEAST || !isFrame(groupIn(labels, box, index + 1))) return;
    const inner = peeled(cropped(mask, box));
    if (inner) eachIn(mask, box, (i, own) => (cleared.data[i] &= inner.data[own]));
  });
  return withoutOpenFrames(cleared);
}

const groupIn = (labels, box, number) => marked(cropped(labels, box), (label) => label === number);

/** The mask without frames that lack sides: groups of nothing but straight lines by the digit. */
function withoutOpenFrames(mask) {
  const { labels, boxes } = connected(mask);
  if (boxes.length < 2) return mask;
  const large = boxes
    .map((box, index) => ({ number: index + 1, box }))
    .filter(({ box }) => Math.max(...sizeOf(box)) >= LEAST);
  if (large.length > MOST) return mask;
  const parts = large.map((part) => ({ ...part, nLines: linesIn(groupIn(labels, part.box, part.number)) }));
  const bodies = parts.filter((part) => part.nLines === 0);
  const single = parts.filter((part) => part.nLines === 1);
  const frames = parts.filter(({ box, nLines }) =>
    nLines > 1
      ? [...bodies, ...single].some((body) => reachesAround(box, body.box))
      : nLines === 1 && bodies.some((body) => runsBeside(box, body.box)),
  );
  const numbers = new Set(frames.map((part) => part.number));
  return numbers.size ? marked(mask, (ink, i) => ink && !numbers.has(labels.data[i])) : mask;
}

/** How many straight lines along the sides of its box the group is made of; 0 if it is more. */
function linesIn(group) {
  if (Math.max(group.height, group.width) >= LONG * Math.min(group.height, group.width)) return 1;
  const rest = copied(group);
  let found = 0;
  for (let turns = 0; turns < 4; turns += 1) {
    const side = turned(group, turns);
    const start = firstInColumns(side);
    const columns = edgeColumns(side, start);
    if (columns.length < COVER * side.width) continue;
    const thickness = lineThickness(side);
    if (thickness === null) continue;
    const off = distancesFromLine(columns, columns.map((x) => start[x]));
    if (quantile(off, 0.9) > Math.max(STRAIGHT_PIXELS, STRAIGHT * side.width)) continue;
    takeOff(rest, side, turns, (y, x) => y >= start[x] && y < start[x] + thickness);
    found += 1;
  }
  return found > 1 && count(rest) <= REST * count(group) ? found : 0;
}

/** Clear in `from` what `is` of a row and column of it, turned so many times. */
function takeOff(from, { height, width }, turns, is) {
  const line = { height, width, data: new Uint8Array(height * width) };
  for (let i = 0; i < line.data.length; i += 1) line.data[i] = is(Math.floor(i / width), i % width) ? 1 : 0;
  const back = turned(line, -turns);
  from.data.forEach((_, i) => back.data[i] && (from.data[i] = 0));
}

function reachesAround(frame, body) {
  const [y, x] = [(body.top + body.bottom) / 2, (body.left + body.right) / 2];
  const large = Math.max(...sizeOf(body)) >= INSIDE * Math.max(...sizeOf(frame));
  return large && frame.top < y && y < frame.bottom && frame.left < x && x < frame.right;
}

/** Whether the line is longer than the body and runs along one of its sides, clear of it. */
function runsBeside(line, body) {
  const [height, width] = sizeOf(line);
  const upright = { along: ["top", "bottom"], across: ["left", "right"], length: 0 };
  const lying = { along: ["left", "right"], across: ["top", "bottom"], length: 1 };
  const { along: [first, last], across: [near, far], length } = height > width ? upright : lying;
  const gap = Math.max(body[near] - line[far], line[near] - body[far]);
  const middle = (body[first] + body[last]) / 2;
  const longer = Math.max(...sizeOf(body));
  return (
    Math.max(height, width) >= LONGER * sizeOf(body)[length] &&
    longer >= INSIDE * Math.max(height, width) &&
    line[first] < middle && middle < line[last] &&
    NEAR * longer <= gap && gap <= FAR * longer
  );
}

/** Whether ink reaches all corners of its box, and along all its sides. */
function isFrame(ring) {
  const { height, width } = ring;
  const [down, across] = [height, width].map((side) => Math.max(2, rounded(ZONE * side)));
  const part = (top, bottom, left, right) => cropped(ring, { top, bottom, left, right });
  const corners = [[0, 0], [0, width - across], [height - down, 0], [height - down, width - across]];
  if (!corners.every(([top, left]) => some(part(top, top + down, left, left + across)))) return false;
  const sides = [part(0, down, 0, width), part(height - down, height, 0, width),
    turned(part(0, height, 0, across), 1), turned(part(0, height, width - across, width), 1)];
  return sides.every((side) => inkedColumns(side).length / side.width >= COVER);
}

function inkedColumns({ height, width, data }) {
  const columns = [];
  for (let x = 0; x < width; x += 1) {
    for (let y = 0; y < height; y += 1) {
      if (!data[y * width + x]) continue;
      columns.push(x);
      break;
    }
  }
  return columns;
}

/** What is inside the frame that fills this mask; null if that is nothing like a digit. */
function peeled(mask) {
  const inner = copied(mask);
  for (let turns = 0; turns < 4; turns += 1) {
    const side = turned(mask, turns);
    const thickness = lineThickness(side);
    if (thickness === null) return null;
    const start = firstInColumns(side);
    const isLine = (y, x) => y >= start[x] && y < start[x] + thickness && start[x] < ZONE * side.height;
    takeOff(inner, side, turns, isLine);
  }
  const { boxes, sizes } = connected(inner);
  if (!boxes.length) return null;
  const [height] = sizeOf(boxes[sizes.indexOf(Math.max(...sizes))]);
  return height >= INSIDE * mask.height ? inner : null;
}

/** The first row with ink in each column; 0 where there is none. */
function firstInColumns({ height, width, data }) {
  return Array.from({ length: width }, (_, x) => {
    let y = 0;
    while (y < height && !data[y * width + x]) y += 1;
    return y % height;
  });
}

const edgeColumns = (side, start) => inkedColumns(side).filter((x) => start[x] < ZONE * side.height);

/** How thick the line along the first rows is, with its soft edge; null if it is a stroke. */
function lineThickness(mask) {
  const { height, width, data } = mask;
  const start = firstInColumns(mask);
  const ends = edgeColumns(mask, start).map((x) => {
    let y = start[x];
    while (y < height && data[y * width + x]) y += 1;
    return y < height ? y - start[x] : height;
  });
  const thickness = median(ends); // NaN of none: no line
  return thickness <= Math.max(3, THICK * Math.min(height, width)) ? rounded(thickness) + 1 : null;
}

/** How far each point is above or below the line that fits them best. */
function distancesFromLine(xs, ys) {
  const meanOf = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [meanOf(xs), meanOf(ys)];
  const slope = meanOf(xs.map((value, i) => (value - x) * (ys[i] - y))) / meanOf(xs.map((value) => (value - x) ** 2));
  return xs.map((value, i) => Math.abs(ys[i] - y - (slope || 0) * (value - x)));
}

function quantile(values, part) {
  const ordered = [...values].sort((a, b) => a - b);
  const place = (ordered.length - 1) * part;
  const low = Math.floor(place);
  return ordered[low] + (ordered[Math.min(low + 1, ordered.length - 1)] - ordered[low]) * (place - low);
}
