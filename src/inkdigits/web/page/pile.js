/**
 * Several pictures at once: a list with a thumbnail and what was read of each. Each page of a document is one.
 *
 * In: files. Out: `open(picture)` for the one that is to lie on the sheet; the readings, as corrected, as
 * text on the clipboard and as a CSV file. Reads one file after another.
 */

import { isDocument, isPicture } from "./pictures.js";
import { isDoubtful, secondsSince } from "./result.js";

const CSV_HEADER = ["file", "line", "number", "confidence", "accepted", "left", "top", "right", "bottom"];

export class Pile {
  #root;
  #ask;
  #pictureOf;
  #open;
  #refuse;
  #corrected;
  #chosen = null; // the entry that lies on the sheet, or will
  #reading = null; // the AbortController of the reading under way
  #entries = []; // see entryOf

  /**
   * root: holds the list and its buttons. ask, pictureOf: as service.js has them. refuse: called with an error.
   * corrected: what a page that was read in a picture is by now.
   */
  constructor(root, { ask, pictureOf, open, refuse, corrected }) {
    this.#root = root;
    this.#ask = ask;
    this.#pictureOf = pictureOf;
    this.#open = open;
    this.#refuse = refuse;
    this.#corrected = corrected;
    root.querySelector("#copy").addEventListener("click", () => this.#copy());
    root.querySelector("#csv").addEventListener("click", () => this.#download());
  }

  /** Lay these in the place of what lay there; the first picture goes on the sheet. One alone is no list. */
  lay(files) {
    this.clear();
    this.#become(files.map((file) => entryOf(file)));
    this.#readAll();
  }

  /** Show again what a picture shows: it was corrected. */
  tell(picture) {
    for (const entry of this.#entries) if (entry.picture === picture && entry.page) this.#tell(entry);
  }

  clear() {
    this.#reading?.abort();
    for (const { address } of this.#entries) URL.revokeObjectURL(address);
    this.#chosen = null;
    this.#become([]);
  }

  #become(entries) {
    this.#entries = entries;
    this.#root.hidden = entries.length < 2;
    for (const entry of entries) entry.row ??= this.#row(entry);
    this.#root.querySelector("ol").replaceChildren(...entries.map(({ row }) => row));
  }

  async #readAll() {
    const mine = (this.#reading = new AbortController());
    for (const entry of this.#entries) if (entry.error) this.#tell(entry);
    // A long document must not keep the first page waiting.
    await this.#choose(this.#entries.find(({ error }) => !error));
    if (mine.signal.aborted) return;
    let done = 0;
    for (const entry of [...this.#entries]) {
      if (!entry.error) await this.#readTold(entry, mine.signal, `${done} of ${this.#entries.length} read`);
      if (mine.signal.aborted) return;
      done = this.#entries.findLastIndex(({ file }) => file === entry.file) + 1;
    }
    const failed = this.#entries.filter(({ error }) => error).length;
    this.#say(`${this.#entries.length} pictures${failed ? `, ${failed} not read` : ""}`);
  }

  /** Read it, and say so with the seconds where it takes some. */
  async #readTold(entry, signal, words) {
    const start = Date.now();
    this.#say(words);
    const clock = setInterval(() => this.#say(`${words}. Reading ${entry.name}, ${secondsSince(start)} s`), 1000);
    await this.#read(entry, signal).finally(() => clearInterval(clock));
  }

  async #read(entry, signal) {
    try {
      const answer = await this.#ask("/v1/read", { body: entry.file, signal });
      if (answer.pages) this.#unfold(entry, answer.pages);
      else entry.page = answer;
    } catch (error) {
      entry.error = error.message;
    }
    if (signal.aborted) return;
    for (const each of this.#entries) if (each.file === entry.file) this.#tell(each);
  }

  /** Put an entry for each page in the place of the document's. */
  #unfold(entry, pages) {
    const entries = pages.map((page, i) => (i ? entryOf(entry.file, page.page) : entry));
    for (const [i, { error, ...page }] of pages.entries()) {
      if (pages.length > 1) entries[i].name = `${entry.file.name}#page=${page.page}`;
      if (error) entries[i].error = error;
      else entries[i].page = page;
    }
    this.#become(this.#entries.flatMap((each) => (each === entry ? entries : [each])));
  }

  #row(entry) {
    const row = document.createElement("li");
    const button = row.appendChild(document.createElement("button"));
    button.type = "button";
    entry.thumbnail = button.appendChild(document.createElement(entry.number ? "span" : "img"));
    entry.thumbnail.className = "thumbnail";
    if (entry.number) entry.thumbnail.textContent = entry.number;
    else showIn(entry.thumbnail, entry.address, entry.name);
    const words = button.appendChild(document.createElement("span"));
    words.className = "words";
    words.appendChild(document.createElement("strong")).textContent = "…";
    words.appendChild(document.createElement("small")).textContent = entry.name;
    button.addEventListener("click", () => this.#choose(entry, true));
    entry.button = button;
    return row;
  }

  #tell(entry) {
    const { error, button, name } = entry;
    const page = this.#pageOf(entry);
    const isCorrected = page?.digits.some(({ read }) => read !== undefined);
    button.querySelector("small").textContent = `${name}${isCorrected ? ", corrected" : ""}`;
    const words = button.querySelector("strong");
    words.textContent = error || page.text || "no digit";
    words.className = error ? "wrong" : isDoubtful(page) ? "doubt" : "";
  }

  /** What was read of it, as corrected; null where it was not. */
  #pageOf({ page, picture }) {
    return page && this.#corrected(picture, page);
  }

  /** isAsked: somebody tapped its row, so the sheet comes into view. */
  async #choose(entry, isAsked = false) {
    this.#chosen = entry;
    for (const { button } of this.#entries) button.ariaPressed = button === entry.button;
    try {
      if (!entry.picture) this.#show(entry, await this.#pictureOf(entry.file, entry.number, this.#reading.signal));
      if (this.#chosen !== entry) return;
      this.#open(entry.picture, isAsked);
    } catch (error) {
      if (error.name !== "AbortError" && this.#chosen === entry) this.#refuse(error);
    }
  }

  /** Now that a document's page is a picture, its row has a thumbnail. */
  #show(entry, picture) {
    entry.picture = new File([picture], entry.name, { type: picture.type });
    entry.address = URL.createObjectURL(picture);
    const image = document.createElement("img");
    image.className = "thumbnail";
    showIn(image, entry.address, entry.name);
    entry.thumbnail.replaceWith(image);
    entry.thumbnail = image;
  }

  async #copy() {
    const words = (entry) => this.#pageOf(entry)?.text.replaceAll("\n", " | ") ?? entry.error;
    const lines = this.#entries.map((entry) => `${entry.name}: ${words(entry)}`);
    try {
      await navigator.clipboard.writeText(`${lines.join("\n")}\n`);
      this.#say("Copied.");
    } catch {
      this.#say("This browser does not let pages copy here. Download the CSV.");
    }
  }

  /** The same rows as of `inkdigits read --csv`: a picture without a number has its name alone. */
  #download() {
    const rows = this.#entries.flatMap((entry) => {
      const numbers = this.#pageOf(entry)?.numbers ?? [];
      if (!numbers.length) return [CSV_HEADER.map((_, i) => (i ? "" : entry.name))];
      return numbers.map(({ line, text, confidence, accepted, box }) => [
        entry.name, line + 1, text, confidence.toFixed(4), accepted, ...box.map((side) => side.toFixed(1)),
      ]);
    });
    const csv = [CSV_HEADER, ...rows].map((row) => row.map(quoted).join(",")).join("\n");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([`${csv}\n`], { type: "text/csv" }));
    link.download = "numbers.csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000); // not before the browser has it
  }

  #say(words) {
    this.#root.querySelector("#counted").textContent = words;
  }
}

/** A picture, or a page of a document: of that number, or the first until it is known how many there are. */
function entryOf(file, number = isDocument(file) ? 1 : 0) {
  const picture = number ? null : file; // what goes on the sheet
  const error = isPicture(file) ? "" : "Not a picture.";
  return { file, number, name: file.name, picture, address: picture && URL.createObjectURL(picture), page: null, error };
}

/** The picture; where the browser cannot show it, the file's ending. */
function showIn(image, address, name) {
  image.src = address;
  image.alt = "";
  image.addEventListener("error", () => {
    const words = document.createElement("span");
    words.className = "thumbnail";
    words.textContent = name.split(".").at(-1).slice(0, 4);
    image.replaceWith(words);
  });
}

/** A CSV field. Source: RFC 4180. */
function quoted(value) {
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
