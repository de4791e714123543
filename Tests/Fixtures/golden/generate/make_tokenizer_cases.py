"""Token ids of our own texts by the sample model's tokenizer, as Hugging Face's tokenizers makes them.

    python make_tokenizer_cases.py        # writes ../tokenizer; needs tokenizers
"""

import json
import pathlib
import random

from tokenizers import Tokenizer

HERE = pathlib.Path(__file__).parent
SOURCE = HERE.parent.parent / "sample-model" / "tokenizer.json"

WORDS = ["How", " many", "times", " the", "letter", "r", "strawberry", "4785", "9.11", "é", "e\u0301", "ß", "漢字", "😀", "👩‍👩‍👧", "don't", "I'LL",
         "we've", "  ", "\n", "\r\n", "\t", "\u00a0", "\u2028", "_", "--", "...", "$5", "a1b2", "Ünïcode", "العربية", "हिन्दी", "Å", "ﬁ",
         "<|im_start|>", "<|im_end|>", "<|im_end", "<think>", "</think>", "<|endoftext|>", "\u0000", "\x7f", "\ufeff", "\ufffd", "١٢٣", "½", "Ⅷ"]
TEXTS = ["", " ", "a", "\n\n", "   a   b   ", "Hello, World!", "x = y + 1;\n\treturn x\n", "1234567890", "12 345", "ÅÅ", "a\u0316\u0301", "e\u0301e\u0301",
         "\u1100\u1161\u11a8", "don't DON'T 's 'Re", "tail \n", "tail\n ", " \n tail", "a\n\n\nb", "<|im_start|>user\nhi<|im_end|>\n",
         "<|im_end|>\u0338", "<<|im_end|>>", "https://example.org/a?b=c#d", "a" * 40, "!?" * 20, "\t\t x", "…—–", "ǅ ǆ", "𝔘𝔫𝔦", "a\u200bb", "é" * 9]


def texts():
    made = list(TEXTS)
    seeded = random.Random(20251130)
    for _ in range(170):
        made.append("".join(seeded.choice(WORDS) for _ in range(seeded.randrange(1, 9))))
    for _ in range(100):
        made.append("".join(chr(seeded.choice([seeded.randrange(1, 128), seeded.randrange(0xA0, 0x250), seeded.randrange(0x4E00, 0x4E80)]))
                            for _ in range(seeded.randrange(1, 12))))
    return made


def alphabet():
    """The byte for each character that stands for one."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + at): byte for at, byte in enumerate(others)}


def main():
    content = json.loads(SOURCE.read_text(encoding="utf-8"))
    full = Tokenizer.from_str(json.dumps(content))
    plain = Tokenizer.from_str(json.dumps({**content, "added_tokens": []}))
    added = {token["id"]: token for token in content["added_tokens"]}
    special = [id for id, token in added.items() if token["special"]]
    bytes_of = alphabet()
    names = {id: name for name, id in content["model"]["vocab"].items()}

    def data(ids):
        return b"".join(added[id]["content"].encode() if id in added
                        else bytes(bytes_of[letter] for letter in names[id]) for id in ids)

    folder = HERE.parent / "tokenizer"
    folder.mkdir(exist_ok=True)
    encoded = []
    for text in texts():
        case = {"text": text, "ids": full.encode(text, add_special_tokens=False).ids}
        if any(token["content"] in text for token in added.values()):
            case["ids_plain"] = plain.encode(text, add_special_tokens=False).ids
        encoded.append(case)
    seeded = random.Random(7)
    decoded = []
    for number in range(150):
        ids = [seeded.randrange(len(names) + len(added)) for _ in range(seeded.randrange(0, 12))]
        if number % 3 == 0:
            ids = seeded.choice(encoded)["ids"][: seeded.randrange(1, 20)]
        whole = data(ids)
        kept = [id for id in ids if id not in special]
        decoded.append({"ids": ids, "text": full.decode(ids, skip_special_tokens=False),
                        "text_skip_special": full.decode(ids, skip_special_tokens=True), "bytes_hex": whole.hex()})
        # The library agrees with the definition: the bytes, with U+FFFD for each invalid part.
        assert decoded[-1]["text"] == whole.decode(errors="replace"), ids
        assert decoded[-1]["text_skip_special"] == data(kept).decode(errors="replace"), ids
    for name, cases in [("tokenizer", encoded), ("tokenizer-decode", decoded)]:
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(case) + "\n" for case in cases), encoding="ascii")


main()
