// Where the picture lies in the window, and the picture itself: tiles of a pyramid, the last ones used kept.

const MOST_TILES = 90;

export class Camera {
  constructor() {
    this.zoom = 1; // screen px per picture px
    this.x = 0; // picture coordinates (pixel corners) at the canvas's left upper corner
    this.y = 0;
  }

  // pixel centres are at integers, so the pixel 0 begins at -0.5
  toScreen(x, y) {
    return [(x + 0.5 - this.x) * this.zoom, (y + 0.5 - this.y) * this.zoom];
  }

  toImage(sx, sy) {
    return [sx / this.zoom + this.x - 0.5, sy / this.zoom + this.y - 0.5];
  }
}

export class Tiles {
  constructor(bench, changed) {
    this.bench = bench;
    this.changed = changed;
    this.cache = new Map();
    this.loading = new Set();
  }

  get(level, row, column) {
    const key = `${level}/${row}/${column}`;
    const found = this.cache.get(key);
    if (found) {
      this.cache.delete(key);
      this.cache.set(key, found); // the most recently used last
      return found;
    }
    if (!this.loading.has(key) && this.loading.size < 8) {
      this.loading.add(key);
      fetch(`${this.bench.url}/tiles/${key}?v=${this.bench.tiles.key}`)
        .then((r) => (r.ok ? r.blob() : Promise.reject(new Error(r.statusText))))
        .then((blob) => createImageBitmap(blob))
        .then((bitmap) => {
          this.cache.set(key, bitmap);
          if (this.cache.size > MOST_TILES) {
            const [oldest, tile] = this.cache.entries().next().value;
            tile.close();
            this.cache.delete(oldest);
          }
        })
        .catch(() => {})
        .finally(() => {
          this.loading.delete(key);
          this.changed();
        });
    }
    return null;
  }

  draw(context, camera, width, height) {
    const [h, w] = this.bench.state.shape;
    const { px, n_levels } = this.bench.tiles;
    const wanted = Math.max(0, Math.min(n_levels - 1, Math.floor(-Math.log2(camera.zoom * (window.devicePixelRatio > 1 ? 1.4 : 1)) + 0.25)));
    context.imageSmoothingEnabled = camera.zoom < 4;
    context.imageSmoothingQuality = "medium";
    const levels = [n_levels - 1];
    if (wanted + 1 < n_levels - 1) levels.push(wanted + 1);
    if (!levels.includes(wanted)) levels.push(wanted);
    for (const k of levels) {
      const side = px * 2 ** k;
      const covered = levels.indexOf(k) < levels.length - 1 && this.complete(wanted, camera, width, height);
      if (covered) continue; // the finer tiles are all there
      const first = [Math.max(0, Math.floor(camera.y / side)), Math.max(0, Math.floor(camera.x / side))];
      const last = [
        Math.min(Math.ceil(h / side), Math.ceil((camera.y + height / camera.zoom) / side)),
        Math.min(Math.ceil(w / side), Math.ceil((camera.x + width / camera.zoom) / side)),
      ];
      for (let r = first[0]; r < last[0]; r++) {
        for (let c = first[1]; c < last[1]; c++) {
          const tile = this.get(k, r, c);
          if (!tile) continue;
          const x = Math.round((c * side - camera.x) * camera.zoom), y = Math.round((r * side - camera.y) * camera.zoom);
          const x1 = Math.round((Math.min(c * side + tile.width * 2 ** k, w) - camera.x) * camera.zoom);
          const y1 = Math.round((Math.min(r * side + tile.height * 2 ** k, h) - camera.y) * camera.zoom);
          context.drawImage(tile, x, y, x1 - x, y1 - y);
        }
      }
    }
  }

  complete(k, camera, width, height) {
    const [h, w] = this.bench.state.shape;
    const side = this.bench.tiles.px * 2 ** k;
    for (let r = Math.max(0, Math.floor(camera.y / side)); r < Math.min(Math.ceil(h / side), Math.ceil((camera.y + height / camera.zoom) / side)); r++) {
      for (let c = Math.max(0, Math.floor(camera.x / side)); c < Math.min(Math.ceil(w / side), Math.ceil((camera.x + width / camera.zoom) / side)); c++) {
        if (!this.cache.has(`${k}/${r}/${c}`)) return false;
      }
    }
    return true;
  }
}
