// Edits that the server has not answered: kept in this browser, across a reload and a restart of the server, and sent when it is back.
// Each carries an id, so that one whose answer was lost is not done twice. They go to the micrograph and work folder that they were
// made in, or nowhere.

const PREFIX = "nanogauge.unsent.";
const OWN = "nanogauge.hand";
const RETRY_MS = 2000;
const MOST = 500;

// Whose browser this is, so that nobody undoes by mistake what somebody else did
export const HAND = (() => {
  const drawn = Math.random().toString(36).slice(2, 12);
  try {
    if (!localStorage.getItem(OWN)) localStorage.setItem(OWN, drawn);
    return localStorage.getItem(OWN);
  } catch { return drawn; }
})();

export class Unsent {
  constructor(bench) {
    this.bench = bench;
    this.items = [];
    this.at = `${PREFIX}${bench.name}.${Math.random().toString(36).slice(2)}`; // of this window alone
  }

  static id() { return `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`; }

  get place() { return `${this.bench.tiles?.work}/${this.bench.tiles?.key}`; }

  // What earlier windows of this micrograph could not send, oldest first
  recall() {
    const mine = `${PREFIX}${this.bench.name}.`, found = [];
    try {
      for (const key of Object.keys(localStorage)) {
        if (!key.startsWith(mine)) continue;
        const kept = JSON.parse(localStorage.getItem(key));
        if (kept.place !== this.place) continue;
        found.push(...kept.items);
        localStorage.removeItem(key);
      }
    } catch { /* a browser that keeps nothing */ }
    this.items = [...found.sort((a, b) => (a.id < b.id ? -1 : 1)), ...this.items];
    if (found.length) this.keep();
    return found.length;
  }

  add(item) {
    if (this.items.length >= MOST) return false;
    this.items.push(item);
    return true;
  }

  drop(item) {
    this.items = this.items.filter((i) => i !== item);
    if (this.kept) this.keep();
  }

  keep() {
    this.kept = this.items.length > 0;
    try {
      if (this.kept) localStorage.setItem(this.at, JSON.stringify({ place: this.place, items: this.items }));
      else localStorage.removeItem(this.at);
    } catch { /* they stay in this window at least */ }
    this.bench.emit("unsent", this.items.length);
  }

  retry() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.bench.sendKept(), RETRY_MS);
  }
}
