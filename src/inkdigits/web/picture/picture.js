/**
 * Any picture of one digit to the 28x28 array that networks read: open, find the ink, place it.
 *
 * In: pixels as decode.js gives them. Out: what was seen, and where else the digit may be. The same
 * steps as in picture/__init__.py.
 */

import { cropped, rounded } from "./arrays.js";
import { PictureError } from "./errors.js";
import { findPlaces } from "./find.js";
import { checkContrast, findInk, NO_INK } from "./ink.js";
import { openPixels } from "./open.js";
import { place } from "./place.js";
import { scaled } from "./scale.js";
import { sheetAndDesk } from "./sheet.js";
import { groundOf, inkOf, SMALL } from "./small.js";

const OTHERS = 3;
const SMALL_PHOTO = 24;
const ENLARGED = 3;
const WORK = 400;

/**
 * { seen, crops }: the digit in a picture, and the places where it may be, the first the one it was
 * seen in. seen: { array, box, blank, several }, array 784 float32, box [left, top, right, bottom].
 */
export function lookAt(pixels) {
  const opened = openPixels(pixels);
  checkContrast(opened.grey);
  const crops = isSmall(opened.grey) ? cropsOfSmall(opened.grey) : cropsOfLarge(opened);
  return { seen: cutOut(crops[0]), crops };
}

/** The digit in a crop. faint: see fainter strokes too. Throws PictureError if no ink stands out. */
export function cutOut(crop, { faint = false } = {}) {
  const { grey, dark, strokes, ground, blank } = crop;
  const { level, several } = isSmall(grey)
    ? inkOf(grey, dark, ground, { faint })
    : findInk(grey, dark, strokes, { faint });
  if (!level) throw new PictureError(NO_INK);
  const { array, box } = place(level);
  return { array: array.data, box: boxInPicture(crop, box), blank, several };
}

const isSmall = (grey) => Math.max(grey.height, grey.width) <= SMALL;

function cropsOfLarge({ grey, width, height }) {
  // A sheet on a desk, or a hard shadow on a page: the digit is in the one or in the other.
  const views = sheetAndDesk(grey) ?? [grey];
  const placesIn = (view) => findPlaces(view).map((found) => ({ view, found }));
  const places = views.map(placesIn).sort((a, b) => b[0].found.weight - a[0].found.weight);
  const [[first, ...rest], ...furtherViews] = places;
  const others = [...rest, ...furtherViews.flat()];
  if (views.length > 1) others.push(...placesIn(grey)); // or what looked like a sheet is a thick stroke
  const likely = others.filter(({ found }) => found.weight > 0);
  likely.sort((a, b) => b.found.weight - a.found.weight);
  return [first, ...likely.slice(0, OTHERS)].map(({ view, found }) => cropOf(view, found, width, height));
}

/** All of the picture, in each way that it may be meant. */
function cropsOfSmall(grey) {
  const { height, width } = grey;
  const { dark, value, other, either, even } = groundOf(grey);
  const whole = { grey, strokes: null, blank: false, scale: [1, 1], corner: [0, 0], whole: true };
  const ways = [{ ...whole, dark, ground: value }];
  if (either) ways.push({ ...whole, dark: !dark, ground: other });
  if (Math.max(height, width) >= SMALL_PHOTO && !even) {
    const larger = scaled(grey, ENLARGED);
    ways.push(cropOf(larger, findPlaces(larger)[0], width, height));
  }
  return ways;
}

/** What was found, of a picture of that size: a part of it in which its digit may lie. */
function cropOf(grey, { box, dark, strokes, blank }, width, height) {
  const part = cropped(grey, box);
  const ratio = Math.min(1, WORK / Math.max(part.height, part.width));
  const [x, y] = [width / grey.width, height / grey.height];
  const crop = {
    grey: ratio < 1 ? scaled(part, ratio) : part,
    dark, strokes, blank, ground: null,
    scale: [x / ratio, y / ratio],
    corner: [box.left * x, box.top * y],
    whole: part.height === grey.height && part.width === grey.width,
  };
  if (isSmall(crop.grey)) {
    const ground = groundOf(crop.grey);
    crop.dark ??= ground.dark;
    crop.ground = crop.dark === ground.dark ? ground.value : ground.other;
  }
  return crop;
}

/** Where a part of a crop lies in its picture. */
function boxInPicture({ scale: [x, y], corner: [left, top] }, part) {
  return [left + part.left * x, top + part.top * y, left + part.right * x, top + part.bottom * y].map(rounded);
}
