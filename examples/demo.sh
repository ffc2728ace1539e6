#!/usr/bin/env bash
# A session with tera from a new key to the last byte compared, in a directory of its own. Run it with
# `make demo`, which puts `tera` on PATH. Every line that starts with `$` is the command that runs next,
# as it is typed; the script stops at the first that fails.
set -euo pipefail

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
cd "$room"
umask 077

if [ -t 1 ]; then bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m'; else bold='' dim='' plain=''; fi
step=0

say() { step=$((step + 1)); printf '\n%s%d. %s%s\n' "$bold" "$step" "$*" "$plain"; }
run() { printf '%s$ %s%s\n' "$dim" "$1" "$plain"; eval "$1"; }
fail() { printf 'demo: %s\n' "$*" >&2; exit 1; }

# Real files: this project's own text and code as a folder tree, with the names and sizes that go wrong first.
mkdir -p docs/code docs/spec docs/empty-folder
cp "$project"/*.md docs/ && cp "$project"/spec/*.md docs/spec/
(cd "$project" && find tera -name '*.py' | while read -r file; do
  mkdir -p "$room/docs/code/$(dirname "$file")" && cp "$file" "$room/docs/code/$file"
done)
printf 'not only ASCII\n' > 'docs/ünï çødé — 容器.txt'
: > docs/empty.txt
head -c 67108864 /dev/urandom > big.bin
printf 'docs/: %s files; big.bin: 64 MiB of noise\n' "$(find docs -type f | wc -l | tr -d ' ')"

say 'Make a post-quantum key. The file holds the secret and is mode 0600; the public half is long, for giving away.'
run 'tera keygen -q -o key.txt'
run 'tera keygen -y key.txt > pub.txt'
run 'ls -l key.txt && cut -c 1-72 pub.txt'

say 'Seal a folder tree, a large file and a stream from a pipe into one container.'
run 'seq 1000000 | tera encode docs big.bin - --stdin-name numbers.txt -R pub.txt -o out.tera'
run 'ls -l docs/ big.bin out.tera'

say 'What a stranger sees, who has no key: the outside, and no name, size or content of a file.'
run 'tera inspect out.tera'

say 'What the key sees, without reading the payload.'
run 'tera ls -l out.tera -i key.txt | tail -n 8'

say 'Read one file out of the middle; the 64 MiB beside it are not touched.'
run 'tera cat out.tera docs/code/tera/errors/families.py -i key.txt | sed -n 1,5p'
tera cat out.tera docs/code/tera/errors/families.py -i key.txt | cmp - docs/code/tera/errors/families.py

say 'Let a second key in and the first one out. Only the access section is written; the digest stays.'
run 'tera keygen -q -o second.txt'
run 'tera keygen -y second.txt > second.pub'
run 'tera digest out.tera | tee before.txt'
run 'tera rewrap out.tera --in-place -i key.txt -R second.pub'
run 'tera digest out.tera | tee after.txt'
run 'cmp before.txt after.txt && echo the same digest'

say 'The first key opens it no more.'
printf '%s$ tera ls out.tera -i key.txt%s\n' "$dim" "$plain"
status=0
tera ls out.tera -i key.txt || status=$?
[ "$status" -eq 11 ] || fail "the removed key got exit code $status, where 11 (no key matches) was due"
echo "(exit code $status)"

say 'Open it with the second key, and compare every byte.'
run 'tera decode out.tera -i second.txt -C out'
run 'diff -r docs out/docs'
run 'cmp big.bin out/big.bin'
run 'seq 1000000 | cmp - out/numbers.txt'

files=$(find out -type f | wc -l | tr -d ' ')
bytes=$(find out -type f -exec cat {} + | wc -c | tr -d ' ')
printf '\n%sEvery byte came back: %s files, %s bytes, out of one container of %s bytes.%s\n' \
  "$bold" "$files" "$bytes" "$(wc -c < out.tera | tr -d ' ')" "$plain"
