/** What CEL has beside the variables, in words; a test compares the names with the library's. */

export const operatorEntries: readonly (readonly [string, string])[] = [
  ["`==`, `!=`", "equality of any two values"],
  ["`<`, `<=`, `>`, `>=`", "order of numbers, and of texts by code point"],
  ["`&&`, `||`, `!`", "and, or, not; what the other side decides alone is not evaluated"],
  ["`a ? b : c`", "`b` where `a` is true, else `c`"],
  ["`+`, `-`, `*`, `/`, `%`", "arithmetic; `+` joins texts and lists too"],
  ["`in`", "whether a list holds a value, or a mapping a key"],
  ['`a.b`, `a["b"]`, `a[0]`', "member of a mapping, item of a list; an error where there is none"],
  ["`a.?b`, `a[?0]`", "the same as an optional value, empty where there is none"],
];

export const functionEntries: readonly (readonly [string, string])[] = [
  ["has(a.b)", "whether the member is there"],
  ["size(x), x.size()", "length of a text, a list or a mapping"],
  ["type(x), dyn(x)", "type of a value; the value with its type left open"],
  ["string(x), int(x), uint(x), double(x), bool(x), bytes(x)", "conversion"],
  [
    "list.map(x, expr), list.map(x, where, expr)",
    "each item changed, or each for which `where` holds",
  ],
  ["list.filter(x, expr)", "items for which it holds"],
  [
    "list.all(x, expr), list.exists(x, expr), list.exists_one(x, expr)",
    "whether it holds for all, for any, for exactly one",
  ],
  ["list.join(), list.join(separator)", "texts as one"],
  ["text.contains(t), text.startsWith(t), text.endsWith(t)", "whether a text holds another"],
  ["text.matches(pattern)", "whether a regular expression (RE2 syntax) finds something in it"],
  ["text.lowerAscii(), text.upperAscii(), text.trim()", "the text changed"],
  [
    "text.indexOf(t), text.lastIndexOf(t), text.substring(from, to), text.split(separator)",
    "places and parts; each takes one argument more or fewer, as in CEL's string extensions",
  ],
  [
    "bytes.json(), bytes.hex(), bytes.string(), bytes.base64(), bytes.at(i)",
    "bytes as something else",
  ],
  [
    "timestamp(text), t.getFullYear(), t.getMonth(), t.getDate(), t.getDayOfMonth(), t.getDayOfWeek(), t.getDayOfYear(), t.getHours(), t.getMinutes(), t.getSeconds(), t.getMilliseconds()",
    "a moment and its parts, in UTC or a named time zone",
  ],
  [
    "duration(text)",
    "a span of time, with `getHours()`, `getMinutes()`, `getSeconds()`, `getMilliseconds()`",
  ],
  [
    "optional.of(x), optional.none(), x.hasValue(), x.value(), x.or(y), x.orValue(y)",
    "optional values, as `a.?b` gives them",
  ],
  ["cel.bind(name, value, expr)", "a name for a value within an expression"],
];
