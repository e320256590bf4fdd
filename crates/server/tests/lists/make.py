#!/usr/bin/env python3
"""Writes the corpus: small files as people have them. The golden reports stand beside it, in reports.snap."""

import gzip
import pathlib

HERE = pathlib.Path(__file__).parent

TEXT = {
    # What a header is, and what is none.
    "header-dotted.id": "usr.id\nu1\nu2\n",
    "header-snake.id": "user_id\nu1\n",
    "header-spaced.id": "User ID\nu1\n",
    "header-camel.id": "userId\nu1\n",
    "header-at.id": "@usr.id\nu1\n",
    "header-short.id": "id\nu1\n",
    "header-blanks.id": "  usr.id  \nu1\n",
    "header-quoted.id": '"usr.id"\n"u1"\n',
    "header-only.id": "usr.id\n",
    "header-none.id": "u1\nu2\n",
    "header-other+kunde.id": "Kunde,Plan\nu1,pro\n",
    "header-other.id": "Kunde,Plan\nu1,pro\n",
    "header-second.id": "name,user_id\nAda,u1\n",
    "header-both.id": "email,usr.id\nu1@example.com,u1\n",
    "header-both.email": "email,usr.id\nu1@example.com,u1\n",
    "header-mail.email": "E-Mail\nu1@example.com\n",
    "header-unknown.email": "Newsletter\nu1@example.com\n",
    "header-none.email": "Ada,u1@example.com\nBea,u2@example.com\n",
    "position+2.id": "Ada,u1\nBea,u2\n",
    "position-beyond+7.id": "Ada,u1\n",
    "column-missing+customer.id": "usr.id,plan\nu1,pro\n",
    # Lines and quotes.
    "lines-crlf.id": "usr.id\r\nu1\r\nu2\r\n",
    "lines-cr.id": "usr.id\ru1\ru2\r",
    "lines-mixed.id": "usr.id\r\nu1\nu2\r",
    "lines-blank.id": "\n\nusr.id\n\nu1\n\n\nu2\n\n",
    "lines-no-end.id": "usr.id\nu1",
    "quotes-doubled.id": 'usr.id\n"u""1"\n',
    "quotes-newline.id": 'usr.id,note\nu1,"two\nlines"\nu2,x\n,\n',
    "quotes-comma.id": 'usr.id\n"a,b"\n',
    "quotes-inside.id": 'usr.id\nu"1\n',
    "quotes-after.id": 'usr.id\n"u1"x\nu2\n',
    "quotes-open.id": 'usr.id\nu1\n"u2\nu3\n',
    "quotes-empty.id": 'usr.id\n""\nu1\n',
    # Delimiters.
    "delimiter-semicolon.id": "usr.id;plan\nu1;pro\n",
    "delimiter-tab.id": "usr.id\tplan\nu1\tpro\n",
    "delimiter-pipe.id": "usr.id|plan\nu1|pro\n",
    "delimiter-in-value.id": 'usr.id\nu;1\n',
    "delimiter-unquoted.id": "usr.id\na,b\nu1\n",
    # Cells.
    "cells-missing.id": "name,usr.id\nAda,u1\nBea\n",
    "cells-superfluous.id": "usr.id,plan\nu1,pro,x\nu2,free,\n",
    "cells-empty.id": "usr.id,plan\n,pro\nu1,\n",
    "cells-blanks.id": "usr.id\n u1\nu2 \nu1\n",
    "cells-duplicates.id": "usr.id\nu1\nu1\nu2\nu1\n",
    "cells-case.id": "usr.id\nU1\nu1\n",
    "cells-numbers.id": "usr.id\n1\n01\n1.0\n9007199254740993\n",
    "cells-unicode.id": "usr.id\njosé\n日本\n🦀\n",
    "cells-long.id": "usr.id\n" + "x" * 1024 + "\n" + "x" * 1025 + "\n",
    "cells-harmless.id": "usr.id\n'=sum\n''=sum\n'plain\n",
    "cells-anonymous.id": "usr.id\nanonymous:a1\nu1\n",
    "cells-null.id": "usr.id\nNULL\nu1\n",
    # E-mail addresses.
    "email-case.email": "email\nU1@Example.COM\nu1@example.com\n",
    "email-blanks.email": "email\n  u2@example.com \n",
    "email-wrong.email": "email\nu1\nu1@\n@example.com\nu 1@example.com\nu2@example.com\n",
    "email-shared.email": "email\nu1@example.com\n",
    "email-named.email": 'email\n"Ada <u1@example.com>"\n',
    # Nothing in it.
    "empty.id": "",
    "empty-lines.id": "\n\r\n\n",
    "empty-blanks.id": "   \n",
}

RAW = {
    "encoding-mark.id.csv": b"\xef\xbb\xbfusr.id\nu1\n",
    "encoding-mark-only.id.csv": b"\xef\xbb\xbf",
    "encoding-utf16le.id.csv": "\ufeffusr.id\nu1\n".encode("utf-16-le"),
    "encoding-utf16be.id.csv": "\ufeffusr.id\nu1\n".encode("utf-16-be"),
    "encoding-utf16-bare.id.csv": "usr.id\nu1\n".encode("utf-16-le"),
    "encoding-utf32.id.csv": "\ufeffusr.id\nu1\n".encode("utf-32-le"),
    "encoding-latin1.id.csv": "usr.id\nu1\njosé\n".encode("latin-1"),
    "encoding-cp1252.id.csv": "usr.id\n“u1”\n".encode("cp1252"),
    "encoding-cut.id.csv": "usr.id\njosé".encode()[:-1],
    "encoding-nul.id.csv": b"usr.id\nu1\0\nu2\n",
    "kind-excel.id.csv": b"PK\x03\x04\x14\0\x06\0",
    "kind-parquet.id.csv": b"PAR1\x15\x04\x15\x10",
    "packed-plain.id.csv.gz": gzip.compress(b"usr.id\nu1\nu2\n", mtime=0),
    "packed-parts.id.csv.gz": gzip.compress(b"usr.id\nu1\n", mtime=0) + gzip.compress(b"u2\n", mtime=0),
    "packed-cut.id.csv.gz": gzip.compress(b"usr.id\nu1\nu2\n", mtime=0)[:-9],
    "packed-not.id.csv.gz": b"\x1f\x8b" + b"usr.id",
    "packed-utf16.id.csv.gz": gzip.compress("\ufeffusr.id\nu1\n".encode("utf-16-le"), mtime=0),
    # "usr.id\nu1\n" as one raw block of a Zstandard frame.
    "packed-zstd.id.csv.zst": b"\x28\xb5\x2f\xfd\x20\x0a\x51\x00\x00usr.id\nu1\n",
}


def main():
    for old in HERE.glob("*.csv*"):
        old.unlink()
    for name, text in TEXT.items():
        (HERE / f"{name}.csv").write_bytes(text.encode())
    for name, data in RAW.items():
        (HERE / name).write_bytes(data)


if __name__ == "__main__":
    main()
