// Keys: methods of the picture's component. None acts while a person types, or while a dialog is open.

import { ACTIONS, SHAPES, TOOLS } from "./tools.js";

export const keys = {
  typing(e) {
    const t = e.target;
    return t instanceof HTMLElement && (t.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(t.tagName)) && t.type !== "range";
  },
  key(e) {
    if (e.key === " " && e.target === this.$refs.stage) {
      this.gestures.space = true;
      e.preventDefault();
    }
    const far = e.shiftKey ? 240 : 60;
    const moves = { ArrowLeft: [far, 0], ArrowRight: [-far, 0], ArrowUp: [0, far], ArrowDown: [0, -far] };
    if (moves[e.key] && e.target === this.$refs.stage) {
      this.pan(...moves[e.key]);
      e.preventDefault();
    }
  },
  keyUp(e) { if (e.key === " ") this.gestures.space = false; },
  globalKey(e) {
    if (!this.loaded || this.typing(e) || document.querySelector(".q-dialog")) return;
    const k = e.key.length === 1 ? e.key.toLowerCase() : e.key;
    const stop = () => e.preventDefault();
    if (e.ctrlKey || e.metaKey) {
      if (k === "z" && this.stroke?.open) { stop(); if (!e.shiftKey) this.takeBackPoint(); }
      else if (k === "z") { stop(); this.act(e.shiftKey ? "redo" : "undo"); }
      else if (k === "y") { stop(); this.act("redo"); }
      else if (k === "a") { stop(); this.bench.select([...this.bench.particles.keys()]); }
      return;
    }
    if (e.altKey) return;
    if (k === "Escape") { this.stroke = null; if (this.tool !== "select") this.setTool("select"); else if (this.review) this.endReview(); else this.bench.select([]); this.dirty("top"); return; }
    if (k === "Enter" && this.stroke?.open && !this.stroke.three) { stop(); this.closePolygon(); return; }
    if (k === "Backspace" && this.stroke?.open) { stop(); this.takeBackPoint(); return; }
    if (k === "Delete" || k === "Backspace") { stop(); if (this.selected) this.act("delete"); return; }
    if (k === "?") { this.$emit("help"); return; }
    if (k === "[" || k === "]") { this.brush = Math.max(1, Math.min(120, Math.round(this.brush * (k === "]" ? 1.25 : 0.8) * 2) / 2)); this.dirty("top"); return; }
    if (k === "+" || k === "=") return this.zoomBy(1.4);
    if (k === "-") return this.zoomBy(1 / 1.4);
    if (/^[0-9]$/.test(k) && this.meansClass(+k)) { stop(); return this.classThem(+k); }
    if (k === "0") return this.fit();
    if (k === "1") return this.zoomAt(this.width / 2, this.height / 2, 1 / this.camera.zoom);
    if (k === "h") return this.toggleOutlines();
    if (k === "PageDown" || k === "PageUp") { stop(); this.$emit("step", k === "PageDown" ? 1 : -1); return; }
    if (k === "j") { this.$emit("flip"); return; }
    if (k === "u") return this.nextUnsure();
    if (k === "c") { stop(); this.$emit("check"); return; }
    const shape = SHAPES.find((a) => a.key === (e.shiftKey ? k.toUpperCase() : k));
    if (shape) return this.act(shape.name);
    const action = ACTIONS.find((a) => a.key === k);
    if (action) return this.act(action.name, action.name === "merge" && e.shiftKey ? { apart: true } : {});
    for (const [id, t] of Object.entries(TOOLS)) if (t.key === k) { stop(); this.setTool(id); return; }
  },
  // A number is a class where particles are selected and classes are in use, else 0 and 1 are zooms
  meansClass(n) {
    if (!this.selected || !this.bench.classes.some((c) => c.name)) return false;
    return n > 0 || [...this.bench.selection].some((l) => this.bench.particles.get(l)?.class);
  },
  // What is selected is of the class that a number stands for; 0: of none
  classThem(n) {
    const name = n ? this.bench.classes[n - 1]?.name : "";
    if (n && !name) {
      this.$emit("classes");
      return this.$emit("refused", `the key ${n} stands for no class yet: name it first`);
    }
    return this.act("class", { class: name });
  },
  // the last point of a polygon that is being drawn; the first one takes the polygon with it
  takeBackPoint() {
    this.stroke.points.pop();
    if (!this.stroke.points.length) this.stroke = null;
    this.dirty("top");
  },
};
