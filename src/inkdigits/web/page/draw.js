/**
 * The sheet: what is to be read, drawn by hand or shown as a picture.
 *
 * In: mouse, finger, pen and keyboard on the canvas, and picture files.
 * Out: `changed({ settled })` after every change, and `blob()`, the bytes to be read.
 * Knows nothing of the service.
 */

import { framesOf } from "./boxes.js";
import { paintCursor, paintStrokes } from "./strokes.js";

const SIDE = 448; // of the sheet, in its own units
const CANVAS_SIDE = 2 * SIDE; // pixels: crisp on fine screens
const BITMAP_SIDE = 320; // pixels: ten digits in a line have 25 each
const STEP = 8; // an arrow key moves the pen so far, Shift so much farther
const LONG_STEP = 32;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const BLANK = { strokes: [], picture: null };

export class Sheet {
  #root;
  #canvas;
  #frame; // holds the picture, and words for one that the browser cannot show
  #boxesFrame;
  #context;
  #changed;
  #picked;
  #history = [BLANK]; // states are never altered, so undo only has to go back
  #stroke = null; // the one being drawn: points { x, y, width }
  #pointer = null; // id of the pointer that draws it
  #cursor = null; // { x, y } of the keyboard's pen while it is in use
  #awaitsPaint = false;
  #address = ""; // object URL of the picture shown
  #boxes = []; // of the digits and signs: { box, state }
  #turned = 0; // degrees clockwise that the picture was turned by to be read
  #encoded = { address: "", blob: null }; // the last drawing that was asked for, as a data URL and as bytes

  penWidth = 20;

  /**
   * root: holds the canvas and the frames. changed: called with { settled }.
   * picked: called with the index of a box that was tapped in a picture.
   */
  constructor(root, changed, picked) {
    this.#root = root;
    this.#canvas = root.querySelector("canvas");
    this.#frame = root.querySelector("#picture");
    this.#boxesFrame = root.querySelector("#boxes");
    this.#changed = changed;
    this.#picked = picked;
    this.#context = squareContext(this.#canvas, CANVAS_SIDE);
    this.#listenToPointers();
    this.#listenToKeys();
    const image = this.#frame.querySelector("img");
    image.addEventListener("load", () => this.#frameBoxes()); // the reading may come before the picture
    image.addEventListener("error", () => this.#sayUnshown());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#paintSoon());
  }

  get empty() {
    return !this.#state.picture && !this.#strokes.length;
  }

  /** The picture file that lies on the sheet, or null. */
  get picture() {
    return this.#state.picture;
  }

  /**
   * The bytes to be read: the picture's own, or the drawing in black on white, whatever the theme.
   * The same object as long as not a pixel has changed.
   */
  blob() {
    if (this.picture) return this.picture;
    const canvas = document.createElement("canvas");
    const context = squareContext(canvas, BITMAP_SIDE, { willReadFrequently: true }); // off the GPU
    context.fillStyle = "#fff";
    context.fillRect(0, 0, SIDE, SIDE);
    paintStrokes(context, this.#strokes, "#000");
    // Not by toBlob: Chromium may leave that for up to a second, until it has nothing else to do.
    const address = canvas.toDataURL("image/png");
    if (address !== this.#encoded.address) this.#encoded = { address, blob: blobOf(address) };
    return this.#encoded.blob;
  }

  /** Put a picture file in the place of the drawing. */
  show(file) {
    this.#dropStroke();
    this.#become({ strokes: [], picture: file });
  }

  /**
   * Frame the digits, then the signs. boxes: { box, state }, box [left, top, right, bottom] in pixels of
   * the upright picture, state a class name. turned: degrees clockwise that it was turned by for that.
   */
  showBoxes(boxes, turned = 0) {
    this.#boxes = boxes;
    this.#turned = turned;
    this.#frameBoxes();
  }

  /** Whether the picture is shown larger than the sheet, which then scrolls. */
  get isEnlarged() {
    return this.#root.classList.contains("enlarged");
  }

  set isEnlarged(isSo) {
    this.#root.classList.toggle("enlarged", isSo);
    if (isSo) this.#root.tabIndex = 0; // for the arrow keys
    else this.#root.removeAttribute("tabindex");
    this.#root.scrollTo(0, 0);
    this.#reveal();
  }

  /** Take back the last stroke, picture or clearing. */
  undo() {
    this.#dropStroke();
    if (this.#history.length > 1) this.#history.pop();
    this.#display();
  }

  /** A fresh sheet. Can be undone. */
  clear() {
    this.#dropStroke();
    if (this.empty) this.#display();
    else this.#become(BLANK);
  }

  get #state() {
    return this.#history.at(-1);
  }

  get #strokes() {
    return this.#stroke ? [...this.#state.strokes, this.#stroke] : this.#state.strokes;
  }

  #become(state) {
    this.#history.push(state);
    this.#display();
  }

  #display() {
    URL.revokeObjectURL(this.#address);
    this.#address = this.picture ? URL.createObjectURL(this.picture) : "";
    this.isEnlarged = false;
    this.#frame.hidden = !this.picture;
    this.#frame.querySelector("img").hidden = false;
    this.#frame.querySelector("p").hidden = true;
    this.showBoxes([]);
    if (this.picture) this.#frame.querySelector("img").src = this.#address;
    this.#canvas.hidden = Boolean(this.picture);
    this.#paintSoon();
    this.#changed({ settled: true });
  }

  #frameBoxes() {
    const image = this.#frame.querySelector("img");
    image.style.rotate = `${this.#turned}deg`;
    const own = this.picture ? [image.naturalWidth, image.naturalHeight] : [BITMAP_SIDE, BITMAP_SIDE];
    const [width, height] = this.#turned % 180 ? own.reverse() : own;
    const frames = width ? framesOf(this.#boxes, width, height, this.#picked) : []; // none before it is loaded
    this.#boxesFrame.classList.toggle("touchable", Boolean(this.picture)); // else ink would not get through
    this.#boxesFrame.replaceChildren(...frames);
    this.#reveal();
  }

  /** Of an enlarged picture, bring the digit that is looked at into view, or else the first. */
  #reveal() {
    const frame = this.#boxesFrame.querySelector(".chosen") ?? this.#boxesFrame.firstElementChild;
    if (!this.isEnlarged || !frame) return;
    const [own, seen] = [frame, this.#root].map((element) => element.getBoundingClientRect());
    if (own.left >= seen.left && own.right <= seen.right && own.top >= seen.top && own.bottom <= seen.bottom) return;
    this.#root.scrollBy((own.left + own.right - seen.left - seen.right) / 2, (own.top + own.bottom - seen.top - seen.bottom) / 2);
  }

  #sayUnshown() {
    if (!this.picture) return; // cleared while the browser still tried
    const words = this.#frame.querySelector("p");
    words.textContent = `${this.picture.name || "The picture"}: this browser cannot show it.`;
    words.hidden = false;
    this.#frame.querySelector("img").hidden = true;
  }

  #lower(points) {
    this.#stroke = points;
    this.#follow([]);
  }

  #follow(points) {
    this.#stroke.push(...points);
    this.#paintSoon();
    this.#changed({ settled: false });
  }

  #lift() {
    const strokes = this.#strokes;
    this.#dropStroke();
    this.#become({ strokes, picture: null });
  }

  #dropStroke() {
    this.#stroke = this.#pointer = null;
  }

  #listenToPointers() {
    const canvas = this.#canvas;
    canvas.addEventListener("pointerdown", (event) => {
      if (this.#stroke || event.button !== 0) return;
      this.#cursor = null;
      this.#pointer = event.pointerId;
      canvas.setPointerCapture(event.pointerId);
      this.#lower([this.#point(event)]);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (event.pointerId !== this.#pointer) return;
      const between = event.getCoalescedEvents?.() ?? []; // Safari came late to it
      this.#follow((between.length ? between : [event]).map((each) => this.#point(each)));
    });
    // Else Chromium takes a stroke that ends at speed for a fling, and the next tap, on any button, for its end.
    canvas.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, (event) => {
        if (event.pointerId === this.#pointer) this.#lift();
      });
    }
  }

  #point(event) {
    const bounds = this.#canvas.getBoundingClientRect();
    const press = event.pointerType === "pen" ? 0.5 + event.pressure : 1; // 0.5 is a middling press
    return {
      x: ((event.clientX - bounds.left) * SIDE) / bounds.width,
      y: ((event.clientY - bounds.top) * SIDE) / bounds.height,
      width: this.penWidth * press,
    };
  }

  #listenToKeys() {
    const canvas = this.#canvas;
    canvas.addEventListener("focus", () => {
      if (canvas.matches(":focus-visible")) this.#showCursor();
    });
    canvas.addEventListener("blur", () => {
      if (this.#stroke && this.#pointer === null) this.#lift();
      this.#cursor = null;
      this.#paintSoon();
    });
    canvas.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || this.#pointer !== null) return;
      if (event.key in ARROWS) this.#moveCursor(ARROWS[event.key], event.shiftKey ? LONG_STEP : STEP);
      else if (event.key === " " || event.key === "Enter") this.#turnPen(event.repeat);
      else return;
      event.preventDefault(); // the page would scroll
    });
  }

  #showCursor() {
    this.#cursor ??= { x: SIDE / 2, y: SIDE / 4 };
    this.#paintSoon();
  }

  #moveCursor([right, down], step) {
    this.#showCursor();
    const within = (value) => Math.min(SIDE, Math.max(0, value));
    this.#cursor = { x: within(this.#cursor.x + right * step), y: within(this.#cursor.y + down * step) };
    if (this.#stroke) this.#follow([{ ...this.#cursor, width: this.penWidth }]);
  }

  #turnPen(held) {
    if (held) return; // a held key would lower and lift it many times
    this.#showCursor();
    if (this.#stroke) this.#lift();
    else this.#lower([{ ...this.#cursor, width: this.penWidth }]);
  }

  #paintSoon() {
    if (this.#awaitsPaint) return;
    this.#awaitsPaint = true;
    requestAnimationFrame(() => {
      this.#awaitsPaint = false;
      this.#paint();
    });
  }

  #paint() {
    const colours = getComputedStyle(this.#canvas);
    this.#context.clearRect(0, 0, SIDE, SIDE);
    paintStrokes(this.#context, this.#strokes, colours.getPropertyValue("--ink"));
    if (this.#cursor) {
      paintCursor(this.#context, this.#cursor, this.penWidth, Boolean(this.#stroke), colours.getPropertyValue("--accent"));
    }
  }
}

/** The bytes of a PNG's data URL; the page's policy keeps `fetch` from it. */
function blobOf(address) {
  const bytes = atob(address.slice(address.indexOf(",") + 1));
  return new Blob([Uint8Array.from(bytes, (byte) => byte.charCodeAt(0))], { type: "image/png" });
}

/** The context of a square canvas of so many pixels, in the sheet's units. */
function squareContext(canvas, pixels, options) {
  canvas.width = canvas.height = pixels;
  const context = canvas.getContext("2d", options);
  context.scale(pixels / SIDE, pixels / SIDE);
  return context;
}
