/**
 * Several pictures at once: a list with a thumbnail and what was read of each.
 *
 * In: picture files. Out: `open(file)` for the one that is to lie on the sheet; the readings as text
 * on the clipboard and as a CSV file. Reads one picture after another.
 */

const CSV_HEADER = ["file", "line", "number", "confidence", "accepted", "left", "top", "right", "bottom"];

export class Pile {
  #root;
  #ask;
  #open;
  #reading = null; // the AbortController of the reading under way
  #entries = []; // { file, address, page, error }

  /** root: holds the list and its buttons. ask: as service.js has it. */
  constructor(root, { ask, open }) {
    this.#root = root;
    this.#ask = ask;
    this.#open = open;
    root.querySelector("#copy").addEventListener("click", () => this.#copy());
    root.querySelector("#csv").addEventListener("click", () => this.#download());
  }

  /** Lay these in the place of what lay there; the first goes on the sheet. */
  lay(files) {
    this.clear();
    this.#entries = files.map((file) => ({ file, address: URL.createObjectURL(file), page: null, error: "" }));
    this.#root.hidden = false;
    this.#root.querySelector("ol").replaceChildren(...this.#entries.map((entry) => this.#row(entry)));
    this.#choose(this.#entries[0]);
    this.#readAll();
  }

  clear() {
    this.#reading?.abort();
    for (const { address } of this.#entries) URL.revokeObjectURL(address);
    this.#entries = [];
    this.#root.hidden = true;
  }

  async #readAll() {
    const mine = (this.#reading = new AbortController());
    for (const [done, entry] of this.#entries.entries()) {
      this.#say(`${done} of ${this.#entries.length} read`);
      try {
        entry.page = await this.#ask("/v1/read", { body: entry.file, signal: mine.signal });
      } catch (error) {
        if (error.name === "AbortError") return;
        entry.error = error.message;
      }
      this.#tell(entry);
    }
    const failed = this.#entries.filter(({ error }) => error).length;
    this.#say(`${this.#entries.length} pictures${failed ? `, ${failed} not read` : ""}`);
  }

  #row(entry) {
    const row = document.createElement("li");
    const button = row.appendChild(document.createElement("button"));
    button.type = "button";
    const image = button.appendChild(document.createElement("img"));
    image.src = entry.address;
    image.alt = "";
    const words = button.appendChild(document.createElement("span"));
    words.className = "words";
    words.appendChild(document.createElement("strong")).textContent = "…";
    words.appendChild(document.createElement("small")).textContent = entry.file.name;
    button.addEventListener("click", () => this.#choose(entry));
    entry.button = button;
    return row;
  }

  #tell({ page, error, button }) {
    const words = button.querySelector("strong");
    words.textContent = error || page.text || "no digit";
    words.className = error ? "wrong" : page.digits.every(({ accepted }) => accepted) ? "" : "doubt";
  }

  #choose(entry) {
    for (const { button } of this.#entries) button.ariaPressed = button === entry.button;
    this.#open(entry.file);
  }

  async #copy() {
    const lines = this.#entries.map(({ file, page, error }) => `${file.name}: ${page?.text.replaceAll("\n", " | ") ?? error}`);
    try {
      await navigator.clipboard.writeText(`${lines.join("\n")}\n`);
      this.#say("Copied.");
    } catch {
      this.#say("This browser does not let pages copy here. Download the CSV.");
    }
  }

  #download() {
    const rows = this.#entries.flatMap(({ file, page }) =>
      (page?.numbers ?? []).map(({ line, text, confidence, accepted, box }) => [
        file.name, line + 1, text, confidence.toFixed(4), accepted ? "yes" : "no", ...box.map((side) => side.toFixed(1)),
      ]),
    );
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

/** A CSV field. Source: RFC 4180. */
function quoted(value) {
  const text = String(value);
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
