// What pointer and tool do together: methods of the picture's component. A stroke is gathered, then sent as one edit.

import { Stroke, particleAt, simplified } from "./tools.js";

export const pointer = {
  pointer() {
    const self = this;
    const image = (x, y) => self.camera.toImage(x, y);
    const pointer = {
      pan: (dx, dy) => self.pan(dx, dy),
      zoomAt: (x, y, f) => self.zoomAt(x, y, f),
      leave: () => { self.at = null; self.pixel = ""; self.bench.setHover(0); self.dirty("top"); },
      move: (x, y) => {
        self.at = [x, y];
        if (!self.loaded) return;
        const p = self.shown ? particleAt(self.bench, ...image(x, y), 3 / self.camera.zoom) : null;
        self.bench.setHover(p ? p.label : 0);
        self.readPixel(...image(x, y));
        self.dirty("top");
      },
      press: (x, y, e) => {
        if (!self.loaded) return false;
        self.at = [x, y];
        const [ix, iy] = image(x, y);
        const t = self.tool;
        if (t === "select") {
          if (!e.shiftKey) return false;
          self.stroke = new Stroke("box");
        } else if (t === "scale") {
          const near = self.ends.map(([ey, ex]) => { const [sx, sy] = self.camera.toScreen(ex, ey); return Math.hypot(sx - x, sy - y); });
          const least = Math.min(...near);
          if (least > 22) return false;
          self.grabbed = near.indexOf(least);
          return true;
        } else if (t === "click") return false;
        else if (t === "vertices") {
          const k = self.nodeAt(x, y);
          if (k < 0) return false;
          if (e.altKey) { self.sendNodes(self.withNode(k, null)); return true; }
          Object.assign(self.shape, { held: k, to: null });
          return true;
        } else if (t === "circle" || t === "ellipse") {
          if (!self.stroke?.three) self.stroke = Object.assign(new Stroke(t), { open: true, three: true });
        }
        else if (t === "polygon" || t === "exclude") {
          if (!self.stroke?.open) self.stroke = Object.assign(new Stroke(t), { open: true });
          self.stroke.was = self.stroke.points.length;
        } else {
          self.stroke = new Stroke(t);
          const p = particleAt(self.bench, ix, iy, 0);
          self.stroke.target = p ? p.label : 0;
        }
        self.stroke.add(ix, iy, 0);
        self.dirty("top");
        return true;
      },
      drag: (x, y, e) => {
        self.at = [x, y];
        const [ix, iy] = image(x, y);
        if (self.grabbed != null) {
          let [ny, nx] = [iy, ix];
          const other = self.ends[1 - self.grabbed];
          const level = Math.abs(ny - other[0]) * self.camera.zoom < 8 && !e.altKey;
          if (level) ny = other[0]; // bars lie level as a rule; Alt lets go
          self.ends[self.grabbed] = [ny, nx];
          self.tellBar();
        } else if (self.shape?.held >= 0) self.shape.to = [iy, ix];
        else if (self.stroke?.three) { /* its points are clicked */ }
        else if (self.stroke) self.stroke.add(ix, iy, self.stroke.kind === "line" ? 0 : ["brush", "erase"].includes(self.stroke.kind) ? 0.2 * self.brush : 1.2 / self.camera.zoom);
        self.dirty("top");
      },
      release: (x, y, tapped, e) => self.released(x, y, tapped, e),
      abandon: () => { self.stroke = null; if (self.shape) self.shape.held = -1; self.grabbed = null; self.dirty("top"); },
      tap: (x, y, e) => {
        const [ix, iy] = image(x, y);
        if (self.tool === "click") {
          self.bench.edit("click", { points: [[iy, ix]] });
          return;
        }
        if (self.tool === "vertices" && self.edgeAt(x, y) >= 0) return; // the first click of the two that add a vertex
        const p = particleAt(self.bench, ix, iy, 3 / self.camera.zoom);
        const many = e.shiftKey || e.ctrlKey || e.metaKey || e.pointerType === "touch"; // a finger has no Shift
        if (p) self.bench.select([p.label], many ? { toggle: true } : {});
        else self.bench.select([]);
      },
      doubleTap: (x, y, e) => {
        if (self.tool === "select") self.zoomAt(x, y, 2);
        else if (self.tool === "vertices") self.addNode(x, y);
        else pointer.tap(x, y, e); // a quick second click with a tool is a click
      },
    };
    return pointer;
  },
  async released(x, y, tapped, e) {
    if (this.grabbed != null) {
      this.grabbed = null;
      this.dirty("top");
      return;
    }
    if (this.shape?.held >= 0) {
      const { held, to } = this.shape;
      this.shape.held = -1;
      if (to && !tapped) await this.sendNodes(this.withNode(held, to));
      return;
    }
    const s = this.stroke;
    if (!s) return;
    if (s.three) {
      if (s.points.length >= 3) await this.finishThree();
      return;
    }
    const [ix, iy] = this.camera.toImage(x, y);
    if (s.kind === "polygon" || s.kind === "exclude") {
      const drawn = s.points.length - s.was > 8; // drawn in one go, not clicked
      const [fx, fy] = this.camera.toScreen(s.points[0][1], s.points[0][0]);
      const closes = s.points.length > 3 && tapped && Math.hypot(fx - x, fy - y) < 9;
      const now = performance.now();
      const twice = tapped && now - (this.lastPoint || 0) < 320 && s.points.length > 3;
      this.lastPoint = now;
      if (drawn || closes || twice) this.closePolygon();
      this.dirty("top");
      return;
    }
    this.stroke = null;
    const tolerance = 0.7 / this.camera.zoom;
    if (s.kind === "box") {
      const [a, b] = [s.points[0], [iy, ix]];
      if (tapped) {
        const p = particleAt(this.bench, ix, iy, 3 / this.camera.zoom);
        if (p) this.bench.select([p.label], { toggle: true });
      } else {
        const within = [...this.bench.particles.values()].filter((p) =>
          p.y >= Math.min(a[0], b[0]) && p.y <= Math.max(a[0], b[0]) && p.x >= Math.min(a[1], b[1]) && p.x <= Math.max(a[1], b[1]));
        this.bench.select(within.map((p) => p.label), { add: true });
      }
    } else if (s.kind === "rectangle") {
      if (!tapped) {
        const [h, w] = this.bench.state.shape;
        const [a, b] = [s.points[0], [iy, ix]];
        const box = [Math.max(0, Math.round(Math.min(a[0], b[0]))), Math.max(0, Math.round(Math.min(a[1], b[1]))),
          Math.min(h, Math.round(Math.max(a[0], b[0])) + 1), Math.min(w, Math.round(Math.max(a[1], b[1])) + 1)];
        if (await this.bench.edit("region", { ...this.bench.state.region, rectangle: box })) this.setTool("select");
      }
    } else if (s.kind === "line") {
      if (!tapped) await this.readLine(s.points[0], [iy, ix]);
    } else if (s.kind === "split") {
      if (!tapped) await this.bench.edit("split", { points: simplified(s.points, tolerance), selected: [...this.bench.selection] });
    } else if (s.kind === "redraw") {
      const label = this.bench.selection.size === 1 ? [...this.bench.selection][0] : this.under(s);
      if (tapped || s.points.length < 6) this.$emit("refused", "draw the whole outline round the particle in one go");
      else if (!label) this.$emit("refused", "select the particle to redraw first: click it");
      else await this.bench.edit("redraw", { labels: [label], points: simplified(s.points, tolerance) });
    } else if (s.kind === "brush") {
      await this.bench.edit("brush", { points: s.points, radius_px: this.brush, labels: s.target ? [s.target] : [], selected: this.bench.selection.size === 1 ? [...this.bench.selection] : [] });
    } else if (s.kind === "erase") {
      await this.bench.edit("erase", { points: s.points, radius_px: this.brush, labels: s.target ? [s.target] : [], selected: [...this.bench.selection] });
    }
    this.dirty("top");
  },
  under(stroke) {
    const ys = stroke.points.map((p) => p[0]), xs = stroke.points.map((p) => p[1]);
    const p = particleAt(this.bench, (Math.min(...xs) + Math.max(...xs)) / 2, (Math.min(...ys) + Math.max(...ys)) / 2, 0);
    return p ? p.label : 0;
  },
  async closePolygon() {
    const s = this.stroke;
    this.stroke = null;
    this.dirty("top");
    if (!s || s.points.length < 3) return;
    const points = simplified([...s.points, s.points[0]], 0.7 / this.camera.zoom).slice(0, -1);
    if (s.kind === "polygon") await this.bench.edit("polygon", { points });
    else {
      const region = this.bench.state.region;
      await this.bench.edit("region", { ...region, excluded: [...region.excluded, points] });
    }
  },
};
