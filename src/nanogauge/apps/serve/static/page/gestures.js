// Mouse, pen and fingers on the picture, told as pan, zoom, and strokes of the tool in hand.

const TAP_PX = 4;
const DOUBLE_MS = 350;

export class Gestures {
  // view: {toImage(x, y), pan(dx, dy), zoomAt(x, y, factor), tool(): {draws}, press, drag, release, tap, doubleTap, move, leave}
  constructor(element, view) {
    this.element = element;
    this.view = view;
    this.pointers = new Map();
    this.mode = null;
    this.space = false;
    this.lastTap = { t: 0, x: 0, y: 0 };
    const on = (type, f, options) => element.addEventListener(type, f, options);
    on("pointerdown", (e) => this.down(e));
    on("pointermove", (e) => this.moved(e));
    on("pointerup", (e) => this.up(e));
    on("pointercancel", (e) => this.cancel(e));
    on("pointerleave", () => this.view.leave());
    on("wheel", (e) => this.wheel(e), { passive: false });
    on("contextmenu", (e) => e.preventDefault());
  }

  at(e) {
    const r = this.element.getBoundingClientRect();
    return [e.clientX - r.left, e.clientY - r.top];
  }

  down(e) {
    if (e.target !== this.element) return;
    this.element.focus({ preventScroll: true });
    const [x, y] = this.at(e);
    this.pointers.set(e.pointerId, [x, y]);
    this.element.setPointerCapture(e.pointerId);
    if (this.pointers.size === 2) {
      if (this.mode === "stroke") this.view.abandon();
      this.mode = "pinch";
      return;
    }
    this.start = [x, y];
    this.travelled = 0;
    const pans = e.button === 1 || this.space || e.button === 2;
    if (pans) this.mode = "pan";
    else if (this.view.press(x, y, e)) this.mode = "stroke";
    else this.mode = "maybe-pan";
    e.preventDefault();
  }

  moved(e) {
    const [x, y] = this.at(e);
    const before = this.pointers.get(e.pointerId);
    if (!before) {
      this.view.move(x, y, e);
      return;
    }
    if (this.mode === "pinch") {
      const [a, b] = [...this.pointers.values()];
      const was = Math.hypot(a[0] - b[0], a[1] - b[1]);
      const mid = [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
      this.pointers.set(e.pointerId, [x, y]);
      const [c, d] = [...this.pointers.values()];
      const now = [(c[0] + d[0]) / 2, (c[1] + d[1]) / 2];
      this.view.pan(now[0] - mid[0], now[1] - mid[1]);
      if (was > 0) this.view.zoomAt(now[0], now[1], Math.hypot(c[0] - d[0], c[1] - d[1]) / was);
      return;
    }
    this.pointers.set(e.pointerId, [x, y]);
    this.travelled = Math.max(this.travelled, Math.hypot(x - this.start[0], y - this.start[1]));
    if (this.mode === "stroke") {
      const events = e.getCoalescedEvents ? e.getCoalescedEvents() : [e];
      for (const c of events.length ? events : [e]) this.view.drag(...this.at(c), e);
    } else if (this.mode === "pan" || (this.mode === "maybe-pan" && this.travelled > TAP_PX)) {
      this.view.pan(x - before[0], y - before[1]);
    }
  }

  up(e) {
    if (!this.pointers.delete(e.pointerId)) return;
    const [x, y] = this.at(e);
    if (this.mode === "pinch") {
      this.mode = this.pointers.size ? "pinch" : null;
      return;
    }
    const tapped = this.travelled <= TAP_PX;
    if (this.mode === "stroke") this.view.release(x, y, tapped, e);
    else if (this.mode === "maybe-pan" && tapped) {
      const now = performance.now();
      const twice = now - this.lastTap.t < DOUBLE_MS && Math.hypot(x - this.lastTap.x, y - this.lastTap.y) < 8;
      this.lastTap = { t: twice ? 0 : now, x, y };
      if (twice) this.view.doubleTap(x, y, e);
      else this.view.tap(x, y, e);
    }
    this.mode = null;
  }

  cancel(e) {
    this.pointers.delete(e.pointerId);
    if (this.mode === "stroke") this.view.abandon();
    this.mode = null;
  }

  wheel(e) {
    e.preventDefault();
    const [x, y] = this.at(e);
    const step = e.deltaMode === 1 ? 18 : e.deltaMode === 2 ? 300 : 1;
    const fine = e.ctrlKey ? 0.01 : 0.0018; // ctrl: a pinch on a touchpad
    this.view.zoomAt(x, y, Math.exp(-Math.max(-300, Math.min(300, e.deltaY * step)) * fine));
  }
}
