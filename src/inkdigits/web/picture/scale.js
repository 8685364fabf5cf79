/**
 * Grey pictures made smaller or larger, never smaller than a pixel.
 */

import { rounded } from "./arrays.js";
import { greyResized } from "./resample.js";

/** The picture with both sides times `share`, every source pixel counted. */
export function scaled(grey, share) {
  return resized(grey, rounded(grey.height * share), rounded(grey.width * share));
}

/** The picture at that size, at least 1x1. */
export function resized(grey, height, width) {
  return greyResized(grey, Math.max(1, height), Math.max(1, width));
}
