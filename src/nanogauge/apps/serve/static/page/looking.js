// Moving and zooming over the picture: methods of its component.

const SETTLED_MS = 140;
const LARGEST_ZOOM = 40;
const CARD_PX = 80; // the card of a review, with what lies above it

const MARGIN_PX = 46; // the controls at the bottom

// Where the window begins along one side, its middle at `at`, but no more beside the picture than the margins before and after
function middle(at, seen, size, before, after) {
  if (seen >= size + before + after) return -Math.max(before, (seen - size) / 2);
  return Math.max(-before, Math.min(size + after - seen, at - seen / 2));
}

export const looking = {
  cameraMoved() {
    const [h, w] = this.bench.state.shape;
    const c = this.camera, slackX = (this.width / c.zoom) * 0.6, slackY = (this.height / c.zoom) * 0.6;
    c.x = Math.max(-slackX, Math.min(w - this.width / c.zoom + slackX, c.x));
    c.y = Math.max(-slackY, Math.min(h - this.height / c.zoom + slackY, c.y));
    this.moving = true;
    clearTimeout(this.settle);
    this.settle = setTimeout(() => { this.moving = false; this.linesMoved(); this.dirty("top"); }, SETTLED_MS);
    this.linesMoved();
    this.dirty("picture", "top", "zoom");
  },
  linesMoved() {
    if (!this.need.lines || this.need.lines === "moved") this.need.lines = "moved";
    else this.dirty("lines");
  },
  // Percent and ruler, written by hand: were they the component's data, all of it would be made anew at every frame of a zoom.
  showZoom() {
    const s = this.bench.state;
    const most = (140 / this.camera.zoom) * (s.nm_per_px ? s.nm_per_px[1] : 1);
    const decade = 10 ** Math.floor(Math.log10(most));
    const nice = [5, 2, 1].find((k) => k * decade <= most) * decade;
    const wide = nice / (s.nm_per_px ? s.nm_per_px[1] : 1);
    let [unit, value] = [s.unit, nice];
    if (s.nm_per_px) for (const [u, k] of Object.entries(s.units)) if (nice * k >= 0.999) [unit, value] = [u, nice * k];
    const { percent, rulerLine, rulerText } = this.$refs, per = 100 * this.camera.zoom;
    const write = (element, text) => { if (element.textContent !== text) element.textContent = text; };
    write(percent, `${per >= 9.5 ? Math.round(per) : per.toFixed(1)} %`);
    write(rulerText, `${+value.toPrecision(3)} ${unit}`);
    rulerLine.style.width = `${wide * this.camera.zoom}px`;
  },
  leastZoom() {
    const [h, w] = this.bench.state.shape;
    return Math.min(this.width / w, this.height / h, 1) * 0.5;
  },
  fit() {
    const [h, w] = this.bench.state.shape;
    const below = 46; // what lies under the controls at the bottom is no place for a scale bar
    const zoom = Math.min((this.width - 12) / w, (this.height - 8 - below) / h, 8);
    Object.assign(this.camera, { zoom, x: w / 2 - this.width / zoom / 2, y: h / 2 - (this.height - below) / zoom / 2 });
    this.cameraMoved();
    this.fitted = true;
  },
  zoomBy(factor) { this.zoomAt(this.width / 2, this.height / 2, factor); },
  zoomAt(sx, sy, factor) {
    const c = this.camera;
    const zoom = Math.max(this.leastZoom(), Math.min(LARGEST_ZOOM, c.zoom * factor));
    c.x += sx / c.zoom - sx / zoom;
    c.y += sy / c.zoom - sy / zoom;
    c.zoom = zoom;
    this.fitted = false;
    this.cameraMoved();
  },
  pan(dx, dy) {
    this.camera.x -= dx / this.camera.zoom;
    this.camera.y -= dy / this.camera.zoom;
    this.fitted = false;
    this.cameraMoved();
  },
  reveal(label) {
    const p = this.bench.particles.get(label);
    if (!p) return;
    const c = this.camera;
    const want = Math.min(Math.max(c.zoom, 70 / Math.max(p.d_px, 1)), 12);
    const [sx, sy] = c.toScreen(p.x, p.y);
    const above = this.review ? CARD_PX + Math.min((p.d_px * c.zoom) / 2, CARD_PX) : 40; // what is asked about is not under the card that asks
    const hidden = sx < 40 || sy < above || sx > this.width - 40 || sy > this.height - 40;
    if (!hidden && want <= c.zoom * 1.6) return;
    const [h, w] = this.bench.state.shape, side = MARGIN_PX / want;
    const lifted = this.review ? CARD_PX + Math.min((p.d_px * want) / 2, CARD_PX) : MARGIN_PX;
    c.zoom = want;
    c.x = middle(p.x + 0.5, this.width / want, w, side, side);
    c.y = middle(p.y + 0.5, this.height / want, h, lifted / want, side);
    this.fitted = false;
    this.cameraMoved();
  },
  toggleOutlines() { this.shown = !this.shown; this.dirty("lines"); },
};
