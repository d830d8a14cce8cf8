// What is wrong with the page that is shown: contrast below AA, fields without a name, headings out of
// order, a page wider than its window, more than 200 rows.
() => {
  const wrong = [];
  const parse = (text) => {
    const found = text.match(/[\d.]+/g).map(Number);
    return text.startsWith("rgb") ? [found[0], found[1], found[2], found[3] ?? 1] : null;
  };
  const over = (top, under) => {
    const alpha = top[3] + under[3] * (1 - top[3]);
    return [0, 1, 2].map((i) => (top[i] * top[3] + under[i] * under[3] * (1 - top[3])) / (alpha || 1)).concat(alpha);
  };
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => ((v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const background = (element) => {
    let made = [0, 0, 0, 0];
    for (let it = element; it; it = it.parentElement) {
      const colour = parse(getComputedStyle(it).backgroundColor);
      if (colour) made = over(made, colour);
      if (made[3] > 0.99) break;
    }
    return over(made, [255, 255, 255, 1]);
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const seen = new Set();
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.data.trim() || seen.has(element) || !element.checkVisibility() || element.closest("script, svg, option, .aside, .skip, :disabled")) continue;
    seen.add(element);
    const style = getComputedStyle(element);
    const under = background(element);
    const colour = parse(style.color);
    if (!colour) continue;
    const [a, b] = [light(over(colour, under)), light(under)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    if (ratio < (large ? 3 : 4.5) - 0.01) wrong.push(`contrast ${ratio.toFixed(2)}: ${node.data.trim().slice(0, 40)} (${element.className || element.tagName})`);
  }
  for (const field of document.querySelectorAll("input:not([type=hidden]), select, textarea")) {
    if (!field.labels?.length && !field.getAttribute("aria-label") && !field.getAttribute("aria-labelledby") && !field.title) wrong.push(`a field without a name: ${field.name}`);
  }
  for (const control of document.querySelectorAll("button, a[href]")) {
    if (!control.textContent.trim() && !control.getAttribute("aria-label") && !control.querySelector("img[alt]:not([alt=''])")) wrong.push(`a control without a name: ${control.outerHTML.slice(0, 80)}`);
  }
  const heads = [...document.querySelectorAll("main :is(h1, h2, h3, h4)")].filter((it) => !it.closest(".said")).map((it) => Number(it.tagName[1]));
  if (heads.filter((it) => it === 1).length !== 1) wrong.push(`${heads.filter((it) => it === 1).length} first headings`);
  heads.reduce((before, it) => (it > before + 1 && wrong.push(`heading ${it} after ${before}`), it), 0);
  const wide = document.documentElement.scrollWidth - innerWidth;
  if (wide > 1) wrong.push(`${wide} pixels wider than the window`);
  const rows = document.querySelectorAll("tbody tr").length;
  if (rows > 200) wrong.push(`${rows} rows`);
  return wrong;
};
