// The list of photographs: only the rows that are seen exist, so that a thousand scroll as ten do.

import * as api from "./api.js";

const ROW = 84; // pixels, as in studio.css
const SPARE = 3; // rows above and below those that are seen
const AT_ONCE = 4; // thumbnails asked for at the same time
const KEPT = 400; // thumbnails

const WORDS = {
  new: "not yet",
  changed: "not saved",
  colored: "colored",
  corrected: "corrected",
  failed: "failed",
};

export class Album {
  /** `onOpen` is called with the id of the photograph that is to be looked at. */
  constructor(onOpen) {
    this.onOpen = onOpen;
    this.photos = [];
    this.shown = [];
    this.chosen = new Set();
    this.current = null;
    this.thumbnails = new Map(); // by id: { version, url }, those used last at the end
    this.waiting = [];
    this.loading = 0;
    this.list = document.getElementById("list");
    this.rows = document.getElementById("rows");
    this.find = document.getElementById("find");
    this.filter = document.getElementById("filter");
    this.list.addEventListener("scroll", () => this.draw(), { passive: true });
    this.list.addEventListener("keydown", (event) => this.onKey(event));
    this.list.addEventListener("click", (event) => this.onClick(event));
    this.find.addEventListener("input", () => this.select());
    this.filter.addEventListener("change", () => this.select());
    new ResizeObserver(() => this.draw()).observe(this.list);
  }

  /** Ask again what there is. */
  async refresh() {
    this.photos = (await api.album()).photos;
    this.select();
  }

  /** The photographs that the orders to the whole album are about. */
  ids(which) {
    return which === "chosen" ? [...this.chosen] : this.shown.map((photo) => photo.id);
  }

  get(id) {
    return this.photos.find((photo) => photo.id === id);
  }

  select() {
    const [text, state] = [this.find.value.toLowerCase(), this.filter.value];
    this.shown = this.photos.filter(
      (photo) =>
        photo.name.toLowerCase().includes(text) && (state === "" || photo.state === state),
    );
    const count = this.shown.length;
    const all = count === this.photos.length ? "" : ` of ${this.photos.length}`;
    const chosen = this.chosen.size ? `, ${this.chosen.size} chosen` : "";
    document.getElementById("count").textContent =
      `${count}${all} photograph${count === 1 && !all ? "" : "s"}${chosen}`;
    const empty = document.getElementById("empty");
    empty.hidden = count > 0;
    empty.textContent = this.photos.length
      ? "None of them is called so and in this state."
      : "No photographs here. Drop some in, or choose “Add photographs”.";
    this.list.hidden = count === 0;
    this.rows.style.height = `${ROW * count}px`;
    this.draw();
  }

  draw() {
    const first = Math.max(0, Math.floor(this.list.scrollTop / ROW) - SPARE);
    const last = Math.ceil((this.list.scrollTop + this.list.clientHeight) / ROW) + SPARE;
    const wanted = this.shown.slice(first, last);
    const there = new Map([...this.rows.children].map((row) => [row.dataset.id, row]));
    const kept = new Set(wanted.map((photo) => photo.id));
    for (const [id, row] of there) if (!kept.has(id)) row.remove();
    wanted.forEach((photo, i) => {
      const row = there.get(photo.id) ?? this.makeRow(photo);
      this.fill(row, photo, first + i);
    });
    this.waiting = wanted.filter((photo) => this.thumbnails.get(photo.id)?.version !== photo.version);
    this.load();
    if (this.current) this.list.setAttribute("aria-activedescendant", `photo-${this.current}`);
  }

  makeRow(photo) {
    const row = document.createElement("div");
    row.className = "photo";
    row.id = `photo-${photo.id}`;
    row.dataset.id = photo.id;
    row.setAttribute("role", "option");
    const image = document.createElement("img");
    image.alt = "";
    const text = document.createElement("span");
    for (const name of ["title", "state"]) {
      const part = document.createElement("span");
      part.className = name;
      text.append(part);
    }
    const mark = document.createElement("span");
    mark.className = "mark";
    mark.title = "Choose for the whole album (Space)";
    row.append(image, text, mark);
    this.rows.append(row);
    return row;
  }

  fill(row, photo, place) {
    row.style.top = `${ROW * place}px`;
    row.setAttribute("aria-setsize", this.shown.length);
    row.setAttribute("aria-posinset", place + 1);
    row.setAttribute("aria-selected", photo.id === this.current);
    row.setAttribute("aria-checked", this.chosen.has(photo.id));
    const [title, state] = row.querySelectorAll("span > span");
    // Broken where words end, so that they can be read.
    const words = photo.name.split(/(?<=[_/-])/);
    title.replaceChildren(...words.flatMap((word) => [word, document.createElement("wbr")]));
    title.title = photo.name;
    state.className = `state ${photo.state}`;
    state.textContent = WORDS[photo.state] + (photo.reason ? `: ${photo.reason}` : "");
    state.title = state.textContent;
    const url = this.thumbnails.get(photo.id)?.url;
    const image = row.querySelector("img");
    if (url && image.src !== url) image.src = url;
  }

  load() {
    while (this.loading < AT_ONCE && this.waiting.length) {
      const photo = this.waiting.shift();
      this.loading += 1;
      api
        .thumbnail(photo.id)
        .then((blob) => this.keep(photo, URL.createObjectURL(blob)))
        .catch((error) => {
          if (error.refused) this.fail(photo.id, error.message);
          this.keep(photo, "");
        })
        .finally(() => {
          this.loading -= 1;
          this.load();
        });
    }
  }

  /** One that cannot be read. */
  fail(id, reason) {
    Object.assign(this.get(id) ?? {}, { state: "failed", reason });
    this.select();
  }

  keep(photo, url) {
    const old = this.thumbnails.get(photo.id);
    if (old?.url) URL.revokeObjectURL(old.url);
    this.thumbnails.delete(photo.id);
    this.thumbnails.set(photo.id, { version: photo.version, url });
    for (const [id, { url: oldest }] of this.thumbnails) {
      if (this.thumbnails.size <= KEPT) break;
      if (oldest) URL.revokeObjectURL(oldest);
      this.thumbnails.delete(id);
    }
    const row = document.getElementById(`photo-${photo.id}`);
    if (row && url) row.querySelector("img").src = url;
  }

  open(id) {
    this.current = id;
    const place = this.shown.findIndex((photo) => photo.id === id);
    const top = ROW * place;
    if (top < this.list.scrollTop) this.list.scrollTop = top;
    const bottom = this.list.scrollTop + this.list.clientHeight;
    if (top + ROW > bottom) this.list.scrollTop = top + ROW - this.list.clientHeight;
    this.draw();
    this.onOpen(id);
  }

  choose(id) {
    if (!this.chosen.delete(id)) this.chosen.add(id);
    this.select();
  }

  onClick(event) {
    const row = event.target.closest(".photo");
    if (!row) return;
    if (event.target.classList.contains("mark")) this.choose(row.dataset.id);
    else this.open(row.dataset.id);
  }

  onKey(event) {
    const place = this.shown.findIndex((photo) => photo.id === this.current);
    const page = Math.max(1, Math.floor(this.list.clientHeight / ROW) - 1);
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page };
    const ends = { Home: 0, End: this.shown.length - 1 };
    let to = null;
    if (event.key in moves) to = place + moves[event.key];
    else if (event.key in ends) to = ends[event.key];
    else if (event.key === " " && place >= 0) this.choose(this.current);
    else return;
    event.preventDefault();
    if (to === null || !this.shown.length) return;
    this.open(this.shown[Math.min(Math.max(to, 0), this.shown.length - 1)].id);
  }
}
