"use strict";

// Helpers of every page. Names come from people's tables: they only ever become text nodes and attributes.
const $ = (id) => document.getElementById(id);

// The value of an object under a name from a table, which may be "constructor".
function named(object, name) {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

// An element with attributes and children; text children are text, with any content.
function el(name, attributes = {}, ...children) {
  return furnished(document.createElement(name), attributes, children);
}

function svg(name, attributes = {}, ...children) {
  return furnished(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function furnished(made, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// Text that a spreadsheet would take for a formula gets an apostrophe in front.
function quoted(value) {
  if (value === null) return "";
  if (typeof value !== "string") return String(value).toLowerCase(); // nan, as in fairloop's own tables
  const safe = /^[=+\-@\t\r\uFF1D\uFF0B\uFF0D\uFF20]/.test(value) ? `'${value}` : value;
  return `"${safe.replaceAll('"', '""')}"`;
}

// Offers a file for download.
function save(blob, name) {
  const link = el("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
