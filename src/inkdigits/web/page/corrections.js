/**
 * Corrections: what a digit should have been read as.
 *
 * In: the reading that is shown, and the buttons. Out: what is told to the service, and `changed(picture)`
 * when that picture's reading is another. Keeps them for this visit.
 */

import { NONE, corrected } from "./text.js";

/** @type {(id: string) => any} */
const find = (id) => document.getElementById(id);

export class Corrections {
  #ask;
  #changed;
  #refused;
  #of = new WeakMap(); // by picture: a Map of indices of digits to what they should be
  #kept = []; // { undo, picture, index, before, was }, the last at the end
  #shown = null; // { picture, page, chosen }

  /** ask: as service.js has it. changed: called with a picture. refused: called where a token is asked for. */
  constructor({ ask, changed, refused }) {
    this.#ask = ask;
    this.#changed = changed;
    this.#refused = refused;
    for (const digit of [..."0123456789", NONE]) {
      const button = document.createElement("button");
      button.type = "button";
      button.dataset.correct = digit;
      button.textContent = digit === NONE ? "no digit" : digit;
      button.addEventListener("click", () => this.#correct(button));
      find("corrections").querySelector(".digits").append(button);
    }
    find("take-back").addEventListener("click", () => this.#takeBack());
    // Only where one of the two has the focus: a letter alone must not act everywhere (WCAG 2.1.4).
    for (const element of [find("canvas"), find("corrections")]) {
      element.addEventListener("keydown", ({ key }) => {
        if (/^[0-9]$/.test(key)) find("corrections").querySelector(`[data-correct="${key}"]`).focus();
      });
    }
  }

  /** A page that was read in a picture, as it was corrected. */
  applied(picture, page) {
    return corrected(page, this.#of.get(picture));
  }

  /** Offer them for the digit that is chosen of those shown; for none, of null. */
  offer(shown) {
    this.#shown = shown;
    find("corrections").hidden = shown?.chosen === undefined;
    this.#say("");
    this.#lock(false);
    const { digit, read } = shown?.page.digits[shown.chosen] ?? {};
    if (read !== undefined) find("corrections").querySelector(`[data-correct="${digit ?? NONE}"]`).ariaDisabled = true;
  }

  /** Not by `disabled`, which would take the focus away. */
  #lock(isLocked) {
    for (const button of find("corrections").querySelectorAll("[data-correct]")) button.ariaDisabled = isLocked;
  }

  #say(words) {
    find("corrected").textContent = words;
    find("take-back").hidden = !this.#kept.length;
  }

  async #correct(button) {
    if (button.ariaDisabled === "true") return;
    this.#lock(true);
    const { picture, page, chosen: index } = this.#shown;
    const right = button.dataset.correct;
    try {
      const { undo } = await this.#ask(`/v1/corrections?digit=${right}&place=${index}`, { body: picture });
      const was = page.digits[index].digit ?? NONE;
      this.#kept.push({ undo, picture, index, before: this.#of.get(picture)?.get(index), was });
      this.#set(picture, index, right);
      this.#say(`Saved: this ${was === NONE ? "mark" : was} is ${named(right)}.`);
    } catch (error) {
      if (error.status === 401) this.#refused(error);
      this.#say(error.message);
      this.#lock(false);
    }
  }

  async #takeBack() {
    const { undo, picture, index, before, was } = this.#kept.pop();
    this.#set(picture, index, before);
    this.#say(`Undone: it is ${named(was)} again.`);
    try {
      await this.#ask(`/v1/corrections?undo=${undo}`, { method: "DELETE" });
    } catch (error) {
      this.#say(error.message);
    }
  }

  #set(picture, index, right) {
    const all = this.#of.get(picture) ?? new Map();
    if (right === undefined) all.delete(index);
    else all.set(index, right);
    this.#of.set(picture, all);
    this.#changed(picture);
  }
}

function named(digit) {
  if (digit === NONE) return "no digit";
  return `${Number(digit) === 8 ? "an" : "a"} ${digit}`;
}
