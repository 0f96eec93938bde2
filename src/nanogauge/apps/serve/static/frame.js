// What every page needs before anything else runs: its language, a lost connection put in words, a name for the loading bar.

document.documentElement.lang = "en";

addEventListener("DOMContentLoaded", () => {
  const popup = document.getElementById("popup");
  if (popup) {
    popup.innerHTML = `<b>The server does not answer</b><span>What was shown as saved is saved, and each edit was recorded when it was made.
      If nanogauge was stopped, start it again with the same folder (<code>nanogauge serve FOLDER</code>): this page comes back by itself.
      Edits of outlines made meanwhile are kept in this browser and sent then.</span>`;
  }
  const named = () => document.querySelector(".q-loading-bar:not([aria-label])")?.setAttribute("aria-label", "Loading");
  new MutationObserver(named).observe(document.body, { childList: true });
  named();
});
