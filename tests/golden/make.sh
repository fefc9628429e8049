#!/usr/bin/env bash
# make.sh [NAME...]: records real programs and writes what their screens must be.
#
#   NAME.raw    what the program printed, at the size in NAME.json
#   NAME.txt    the screen's text         } as xterm.js 6 with its unicode11 addon shows it,
#   NAME.json   the screen with its looks } in the forms of docs/json.md (expect.mjs)
#
# Without a NAME all are recorded anew; `make.sh --expect` keeps the recordings and only writes what is
# expected of them; `make.sh --tmux` shows where tmux's screen differs from the expected text.
# Needs root (for unshare), node and npm, python3, tmux and the programs recorded.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
packages=${GOLDEN_PACKAGES:-$here/../../target/golden-packages}

# record NAME COLSxROWS [STEP...] -- PROGRAM...: in a bare environment, in a directory of its own, on a
# machine of its own name where no other processes run.
record() {
	local name=$1 size=$2
	shift 2
	[ ${#only[@]} = 0 ] || [[ " ${only[*]} " == *" $name "* ]] || return 0
	(cd "$work/home" && env -i PATH=/usr/local/bin:/usr/bin:/bin HOME="$work/home" TERM=xterm-256color COLORTERM=truecolor \
		LANG=C.UTF-8 LC_ALL=C.UTF-8 TZ=UTC PS1='\[\e[1;32m\]demo\[\e[0m\]:\w> ' USER=demo LESSHISTFILE=- \
		unshare --pid --fork --mount-proc --uts sh -c 'hostname demo; exec "$@"' sh \
		/usr/bin/python3 ../record.py "../$name.raw" "$size" "$@") || { echo "make.sh: $name was not recorded" >&2; exit 1; }
	cp "$work/$name.raw" "$here/"
	echo "recorded $name: $(stat -c %s "$here/$name.raw") bytes"
	echo "$size" >"$work/$name.size"
}

files() {
	mkdir -p "$work/home/src" "$work/home/notes"
	cp "$here/record.py" "$work/"
	cd "$work/home"
	printf 'fn main() {\n    let greeting = "h\xc3\xa9llo \xe4\xb8\x96\xe7\x95\x8c";\n    // TODO: more\n    println!("{greeting} {}", 6 * 7);\n}\n' >src/main.rs
	ln -sf src/main.rs link.rs
	printf '#!/bin/sh\necho run\n' >run.sh
	chmod +x run.sh
	touch archive.tar.gz photo.png "name with space"
	mkfifo pipe
	for n in $(seq 1 60); do printf 'line %02d of the notes, long enough to be told apart\n' "$n"; done >notes/long.txt
	printf 'N\bNA\bAM\bME\bE\n       demo - a page with o\bov\bve\ber\brs\bst\btr\bri\bik\bke\be and _\bu_\bn_\bd_\be_\br_\bl_\bi_\bn_\be\n' >notes/page.txt
	printf 'plain, \033[1mbold\033[m, \033[3mitalic\033[m, \033[4:3m\033[58:2::255:0:0mcurly\033[m, \033[9mstruck\033[m, \033[38;5;208mamber\033[m\n' >notes/styles.txt
	git -c init.defaultBranch=main init -q repo
	export GIT_AUTHOR_DATE='2020-02-02T02:02:02Z' GIT_COMMITTER_DATE='2020-02-02T02:02:02Z'
	local g=(git -C repo -c user.name=Demo -c user.email=demo@example.org -c core.hooksPath=/dev/null -c commit.gpgsign=false)
	for change in first second third; do
		echo $change >>repo/file
		"${g[@]}" add file
		"${g[@]}" commit -qm "The $change change"
	done
	"${g[@]}" checkout -qb side HEAD~1
	echo side >repo/side
	"${g[@]}" add side
	"${g[@]}" commit -qm "A side change"
	"${g[@]}" checkout -q main
	"${g[@]}" merge -q side -m "Merge the side"
	echo fourth >>repo/file
	cat >progress.py <<-'P'
		import sys, time
		for done in range(0, 101, 4):
		    bar = "\u2588" * (done // 4) + "\u2591" * (25 - done // 4)
		    sys.stdout.write(f"\r\x1b[K\x1b[36m{bar}\x1b[0m {done:3}%")
		    sys.stdout.flush()
		    time.sleep(0.01)
		print("\n\x1b[1;32mdone\x1b[0m in \x1b[2m0.3 s\x1b[0m")
	P
	cat >wide.py <<-'P'
		print("\u65e5\u672c\u8a9e|\ud55c\uad6d\uc5b4|\u4e2d\u6587|")
		print("e\u0301 a\u0308 \u0915\u094d\u0937 \u0e01\u0e33|")
		print("\U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467 \u2764\ufe0f 1\ufe0f\u20e3 \U0001f1e9\U0001f1ea|")
		print("x" * 39 + "\u754c" + "y" * 39 + "\u754c" + "z")
		print("\u2500\u253c\u2502 \u2588\u2593\u2592\u2591 \u2190\u2191\u2192\u2193 \u00b1\u00d7 \u2028|\ufeff|")
	P
	cat >colors.py <<-'P'
		out = []
		for base in (0, 8):
		    out.append("".join(f"\x1b[48;5;{base+i}m {base+i:2} " for i in range(8)) + "\x1b[m")
		for row in range(6):
		    out.append("".join(f"\x1b[48;5;{16+row*36+i}m " for i in range(36)) + "\x1b[m")
		out.append("".join(f"\x1b[48;5;{232+i}m " for i in range(24)) + "\x1b[m")
		out.append("".join(f"\x1b[38;2;{i*6};{255-i*6};128m#" for i in range(42)) + "\x1b[m")
		for code in ("1", "2", "3", "4", "4:2", "4:3", "4:4", "4:5", "5", "7", "8", "9", "53", "1;2", "4;58:5:9", "1;3;4;7;9"):
		    out.append(f"\x1b[{code}mSGR {code}\x1b[m plain")
		out.append("\x1b]8;id=a;https://example.org/a?b=c&d=%20\x1b\\link\x1b]8;;\x1b\\ none")
		print("\n".join(out))
	P
	cat >modes.py <<-'P'
		import sys
		w = sys.stdout.write
		w("\x1b]2;a \u201ctitle\u201d\x07before\r\n\x1b[?1049h\x1b[2J\x1b[3;8r\x1b[?6h\x1b[1;1Hin the region")
		w("\x1b[6;1Hlast\n\nscrolled\x1b[?6l\x1b[r\x1b[12;5H\x1b(0lqqk\x1b[13;5Hx  x\x1b[14;5Hmqqj\x1b(B")
		w("\x1b[16;1H\x1b[44m\x1b[2K\x1b[0mblue\x1b[17;1Habcdef\x1b[17;3H\x1b[2P\x1b[4hXY\x1b[4l\x1b[18;1H12345\x1b[18;2H\x1b[2@\x1b[19;1H-\x1b[9b")
		w("\x1b[?2004h\x1b[?1h\x1b=\x1b[?1002h\x1b[?1006h\x1b[?1004h\x1b[5 q\x1b[>4;2m\x1b[>5u\x1b[20;40H")
		w("\x1b[5;10H\x1b7\x1b[22;75Hright edge wraps over\x1b8\x1b[31m")
		sys.stdout.flush(); sys.stdin.read()
	P
	cat >history.py <<-'P'
		for n in range(1, 61):
		    print(f"\x1b[{31 + n % 7}m{n:3}\x1b[m " + "word " * (n % 23) + ("\x1b[41m\x1b[K\x1b[m" if n % 10 == 0 else ""))
	P
	cd - >/dev/null
}

recordings() {
	record shell 80x24 'see:> ' 'type:ls --color -F\n' 'type:echo a line that is longer than the screen is wide, so that the shell has to wrap it somewhere\n' \
		'type:false; cat notes/styles.txt\n' 'type:unfinished \t' -- bash --norc --noprofile
	record ls-long 80x24 -- ls --color --hyperlink=always -la --time-style=+
	record vim 80x24 'see:main.rs' 'type:/greeting\n' 'type::split notes/long.txt\n' 'type:5jVjj' -- \
		vim -u NONE -N --cmd 'set nomore ruler hlsearch noswapfile' --cmd 'syntax on' --cmd 'set background=dark' src/main.rs
	record less 80x24 'see:page' -- less notes/page.txt
	record less-middle 60x20 'see:line 01' 'type:20g' 'type:/told\n' -- less -N notes/long.txt
	record htop 100x30 'see:Tasks' -- htop -d 100 -F python
	record top 80x24 'see:PID' -- top -d 60
	record dialog 80x24 'see:Choose' 'type:\x1b[B' -- dialog --title 'A title' --menu 'Choose one of' 12 40 4 1 First 2 Second 3 Third
	record gauge 60x15 -- sh -c 'echo 40 | dialog --gauge "Copying" 8 40; sleep 60'
	record git-log 80x24 -- git -C repo --no-pager log --color --graph --stat --decorate
	record git-diff 80x24 'see:fourth' -- git -C repo -c core.pager='less -R' diff --color --word-diff
	record progress 80x24 -- python3 progress.py
	record python 80x24 'see:>>> ' 'type:print("wide \\xe4\\xb8\\x96\\xe7\\x95\\x8c")\n' 'type:1/0\n' 'type:[n*n for n in range(30)]\n' -- python3 -q
	record nano 80x24 'see:main.rs' 'type:\x1b[B\x1b[B' 'type:typed ' -- nano -I src/main.rs
	record mc 80x24 'see:Help' -- mc -d -u --nosubshell
	record tmux 80x24 'see:0:' 'type:\x02%' 'type:echo right\n' 'type:\x02"' 'type:ls -F\n' -- \
		tmux -L golden -f /dev/null new-session -n work 'exec sh' ';' set status-right 'right' ';' set default-command 'exec sh'
	record wide 80x24 -- python3 wide.py
	record colors 80x30 -- python3 colors.py
	record modes 80x24 -- python3 modes.py
	record history 40x10 -- python3 history.py
	record fish 80x24 'type:echo typ' 'type:ed\n' 'type:ls -' -- fish --private --no-config
}

expect() {
	[ -d "$packages/node_modules/@xterm/headless" ] ||
		npm install --silent --no-audit --no-fund --prefix "$packages" @xterm/headless@6.0.0 @xterm/addon-unicode11@0.9.0 >&2
	for raw in "$here"/*.raw; do
		local name=${raw##*/} size
		name=${name%.raw}
		size=$(cat "$work/$name.size" 2>/dev/null || node -e '
			const { size } = JSON.parse(require("fs").readFileSync(process.argv[1])); console.log(`${size.cols}x${size.rows}`)' "$here/$name.json")
		node "$here/expect.mjs" "$packages" "$size" "$raw" "$here/$name"
	done
}

# The same recordings through a third terminal, to be looked at when recordings change. tmux prints DEC
# line drawing as the letters it was sent as, and gives U+2028 and U+FEFF no cell.
compare_with_tmux() {
	for raw in "$here"/*.raw; do
		local name=${raw##*/} size
		name=${name%.raw}
		size=$(sed -n 's/^{"size":{"cols":\([0-9]*\),"rows":\([0-9]*\)}.*/\1 \2/p' "$here/$name.json")
		env -u TMUX TERM=xterm-256color LANG=C.UTF-8 tmux -L "golden-$$" -f /dev/null new-session -d -x "${size% *}" -y "${size#* }" \
			"stty raw -echo; cat '$raw'; exec sleep 30" ';' set -g status off
		sleep 0.7
		tmux -L "golden-$$" capture-pane -p -S -50 | sed 's/ *$//' >"$work/tmux.txt"
		tmux -L "golden-$$" kill-server
		sed -e :a -e '/^\n*$/{$d;N;ba' -e '}' "$work/tmux.txt" >"$work/tmux.trimmed"
		if diff -u "$here/$name.txt" "$work/tmux.trimmed" >"$work/diff"; then
			echo "same  $name"
		else
			echo "OTHER $name"
			sed 1,2d "$work/diff"
		fi
	done
}

only=()
case ${1:-} in
--expect) expect ;;
--tmux) compare_with_tmux ;;
*)
	only=("$@")
	files
	recordings
	expect
	;;
esac
