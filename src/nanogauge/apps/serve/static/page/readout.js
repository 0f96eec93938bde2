// Grey levels as the file has them: under the pointer, and along a line. Methods of the picture's component.

import { figures } from "./workbench.js";

const REST_MS = 120;

export const readout = {
  async greyAlong(a, b) {
    const query = `y0=${a[0]}&x0=${a[1]}&y1=${b[0]}&x1=${b[1]}`;
    const answer = await fetch(`${this.bench.url}/profile?${query}`).catch(() => null);
    return answer?.ok ? answer.json() : null;
  },
  // The pixel under the pointer, once that rests
  readPixel(x, y) {
    clearTimeout(this.reading);
    const [h, w] = this.bench.state.shape, [px, py] = [Math.round(x), Math.round(y)];
    if (px < 0 || py < 0 || px >= w || py >= h) { this.pixel = ""; return; }
    this.pixel = `x ${px}, y ${py}`;
    this.reading = setTimeout(async () => {
      const found = await this.greyAlong([py, px], [py, px]);
      if (found && this.pixel === `x ${px}, y ${py}`) this.pixel += `, grey ${+found.values[0].toPrecision(6)}`;
    }, REST_MS);
  },
  async readLine(a, b) {
    const found = await this.greyAlong(a, b);
    if (!found || found.values.length < 2) return;
    const low = Math.min(...found.values), high = Math.max(...found.values), end = found.at[found.at.length - 1] || 1;
    const path = found.values.map((v, i) => `${i ? "L" : "M"}${(4 + (252 * found.at[i]) / end).toFixed(1)} ${(84 - (78 * (v - low)) / (high - low || 1)).toFixed(1)}`).join("");
    const s = this.bench.state, [ny, nx] = s.nm_per_px || [1, 1];
    const stored = Math.hypot((b[0] - a[0]) * ny, (b[1] - a[1]) * nx);
    this.profile = {
      length: s.nm_per_px ? `${this.bench.length(stored)} (${figures(end, 4)} px)` : `${figures(end, 4)} px`,
      low: +low.toPrecision(4), high: +high.toPrecision(4), path, ends: [a, b],
    };
    this.dirty("top");
  },
  closeProfile() { this.profile = null; this.dirty("top"); },
};
