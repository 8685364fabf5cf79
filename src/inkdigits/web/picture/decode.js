/**
 * A picture file's pixels, decoded by the browser.
 *
 * In: a Blob. Out: pixels, turned as EXIF says, the first frame of several, colour profiles ignored.
 * Where Pillow decodes differently: large JPEGs, which it reads at a half or a quarter; more than 8 bits
 * a channel, which browsers cut to 8; colours under transparency, which a canvas keeps less exactly; and
 * TIFF, PPM, PDF and mostly HEIC, which browsers do not read.
 */

import { MAX_BYTES, MAX_PIXELS } from "../constants/open.js";
import { PictureError } from "./errors.js";

const PDF = [0x25, 0x50, 0x44, 0x46, 0x2d];
const PNG = [0x89, 0x50, 0x4e, 0x47];
const [COLOUR_TYPE, WITH_ALPHA] = [25, 4]; // a byte's offset in a PNG, and its bit

/** { width, height, hasAlpha, rows(top, n), close() }; rows gives n rows of RGBA bytes. */
export async function decoded(blob) {
  if (!blob.size) throw new PictureError("the picture is empty");
  if (blob.size > MAX_BYTES) throw new PictureError(`over the limit of ${MAX_BYTES / 1e6} MB; scale it down`);
  if (await startsWith(blob, PDF)) throw new PictureError("PDFs are not read here; save each page as a PNG or JPEG");
  const bitmap = await bitmapOf(blob);
  const { width, height } = bitmap;
  if (width * height > MAX_PIXELS) {
    bitmap.close();
    throw new PictureError(`is ${width}x${height}, over the limit of ${MAX_PIXELS / 1e6} million pixels; scale it down`);
  }
  return {
    width,
    height,
    hasAlpha: await hasAlphaChannel(blob),
    rows: (top, n) => {
      const context = new OffscreenCanvas(width, n).getContext("2d", { willReadFrequently: true });
      context.drawImage(bitmap, 0, -top);
      return context.getImageData(0, 0, width, n).data;
    },
    close: () => bitmap.close(),
  };
}

async function bitmapOf(blob) {
  try {
    return await createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  } catch {
    throw new PictureError("not a picture that this browser can read; save it as a JPEG or PNG");
  }
}

/** Whether a PNG has an alpha channel, be it opaque: its colours then count by their lightness alone. */
async function hasAlphaChannel(blob) {
  if (!(await startsWith(blob, PNG))) return false;
  const [colourType] = await bytesOf(blob, COLOUR_TYPE, COLOUR_TYPE + 1);
  return Boolean(colourType & WITH_ALPHA);
}

async function startsWith(blob, bytes) {
  const head = await bytesOf(blob, 0, bytes.length);
  return bytes.every((byte, i) => head[i] === byte);
}

async function bytesOf(blob, from, to) {
  return new Uint8Array(await blob.slice(from, to).arrayBuffer());
}
