/** What can go wrong with a picture. */

/** A picture cannot be decoded, is over a limit, or holds no ink. */
export class PictureError extends Error {}
