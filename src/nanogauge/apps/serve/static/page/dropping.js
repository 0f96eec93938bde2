// ROIs and labels dropped onto the picture: methods of its component. The server reads them; the panel asks what to do with them.

export const dropping = {
  // Until the end of the page, a file dropped beside the picture must not take the place of the page
  listenToDrops() {
    const files = (e) => [...(e.dataTransfer?.types || [])].includes("Files");
    const handlers = {
      dragover: (e) => { if (files(e)) { e.preventDefault(); this.over = true; } },
      dragleave: (e) => { if (!e.relatedTarget) this.over = false; },
      drop: (e) => { if (files(e)) { e.preventDefault(); this.over = false; this.takeDropped([...e.dataTransfer.files]); } },
    };
    for (const [type, f] of Object.entries(handlers)) window.addEventListener(type, f);
    return () => { for (const [type, f] of Object.entries(handlers)) window.removeEventListener(type, f); };
  },
  async takeDropped(files) {
    if (files.length !== 1) return this.$emit("refused", "drop one file with the particles of this micrograph; micrographs go onto the gallery");
    const [file] = files;
    this.tell(`reading ${file.name} …`);
    const url = `${this.bench.url}/annotations?file=${encodeURIComponent(file.name)}`;
    const answer = await fetch(url, { method: "POST", headers: { "x-nanogauge": "1" }, body: file }).catch(() => null);
    const content = answer ? await answer.json().catch(() => ({})) : {};
    if (answer?.ok) this.$emit("dropped", content);
    else this.$emit("refused", content.error || "the server does not answer");
  },
};
