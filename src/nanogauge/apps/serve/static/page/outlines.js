// How outlines and grey levels look: methods of the picture's component. Nothing here changes what is measured.

const KEPT = "nanogauge.outlines";
export const USUAL = { width: 1, opacity: 1, numbers: false, found: false };
const SATURATED = 0.0035; // of the pixels, black and white together, as ImageJ's Enhance Contrast has it

export function rememberedLook() {
  try { return { ...USUAL, ...JSON.parse(localStorage.getItem(KEPT)), found: false }; } catch { return { ...USUAL }; }
}

export const outlines = {
  toggleLining() { this.lining = !this.lining; this.light = false; },
  toggleLight() {
    this.light = !this.light;
    this.lining = false;
    if (this.light && !this.histogram) this.readHistogram();
  },
  resetLook() { this.look = { ...USUAL }; this.lookChanged(); },
  async lookChanged() {
    try { localStorage.setItem(KEPT, JSON.stringify(this.look)); } catch { /* a browser that keeps nothing */ }
    await this.readFound();
    this.dirty("lines", "top");
  },
  // Outlines as they were found, of what was edited since; asked for while they are shown, after each edit
  async readFound() {
    if (!this.look.found) { this.foundRings = null; return; }
    const revision = this.bench.state.revision;
    const answer = await fetch(`${this.bench.url}/found`).catch(() => null);
    if (!answer?.ok) return;
    this.foundRings = (await answer.json()).outline.map((rings) => ({ rings: rings.map((r) => Float32Array.from(r)), coarse: {} }));
    this.foundAt = revision;
    this.dirty("lines");
  },
  async readHistogram() {
    const answer = await fetch(`${this.bench.url}/histogram`).catch(() => null);
    if (!answer?.ok) return;
    const { counts } = await answer.json();
    const most = Math.max(...counts.slice(1, -1), 1); // saturated pixels would dwarf all others
    const path = counts.map((n, k) => `L${k} ${(60 - 58 * Math.min(n / most, 1)).toFixed(1)}`).join("");
    this.histogram = { counts, path: `M0 60${path}L255 60Z` };
  },
  autoLevels() {
    const counts = this.histogram?.counts;
    if (!counts) return;
    const most = (counts.reduce((a, b) => a + b, 0) * SATURATED) / 2;
    let low = 0, high = 255;
    for (let n = counts[0]; n < most && low < 254; n += counts[++low]);
    for (let n = counts[255]; n < most && high > low + 1; n += counts[--high]);
    [this.low, this.high] = [low, high];
  },
};
