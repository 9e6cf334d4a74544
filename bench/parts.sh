# The functions of bench/run: processes and their cost, tools, one function for each measurement. Sourced, not run.
# shellcheck shell=bash disable=SC2154 # the variables are bench/run's

say() { printf 'bench: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

need() { # tool, and how to get it
  command -v "$1" >/dev/null 2>&1 || fail "$1 is missing; install it with: $2"
}

started=()
stop_all() {
  local pid
  for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${started[@]}"; do wait "$pid" 2>/dev/null || true; done
  rm -rf "$work"
}

# Stops one process that was started, before the others.
stop_one() { # pid
  kill "$1" 2>/dev/null || true
  wait "$1" 2>/dev/null || true
}

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

wait_for_port() { # port, log to show if nothing comes
  local tries
  for tries in $(seq 300); do
    listens "$1" && return 0
    sleep 0.02
  done
  [ -f "$2" ] && tail -5 "$2" >&2
  fail "nothing listens on port $1 after $tries tries."
}

# The processes of a target: the started one and its children (nginx's workers).
processes() {
  case "$1" in
    direct) echo "$fake_pid" ;;
    nginx) echo "$nginx_pid" && pgrep -P "$nginx_pid" ;;
    jan) echo "$jan_pid" ;;
  esac
}

# CPU time of a target so far, in ticks: user and system of every process, from /proc.
ticks() {
  local pid sum=0 used
  for pid in $(processes "$1"); do
    # The process name in brackets may contain spaces; the fields after it do not.
    used=$(sed 's/.*) //' "/proc/$pid/stat" | awk '{ print $12 + $13 }')
    sum=$((sum + used))
  done
  echo "$sum"
}

# Memory of a target in KiB: its private pages, and its proportional part of the shared pages (Pss).
pss_kib() {
  local pid
  for pid in $(processes "$1"); do cat "/proc/$pid/smaps_rollup"; done | awk '/^Pss:/ { sum += $2 } END { print sum }'
}

set_pace() { curl -fsS "$fake_root/__fake?$1" >/dev/null; }

base_of() {
  case "$1" in
    direct) echo "$fake_root" ;;
    nginx) echo "http://127.0.0.1:$nginx_port" ;;
    jan) echo "http://127.0.0.1:$jan_port" ;;
  esac
}

# A new token each time: a guest's is valid for minutes only. The other targets ignore it, but get one of the same
# length.
token_of() {
  [ "$1" = jan ] || { echo "$a_token"; return; }
  curl -fsS -X POST "$(base_of jan)/llm/auth/guest-login" | grep -o '"access_token":"[^"]*"' | cut -d'"' -f4
}

field() { grep -o "\"$2\":[0-9.eE-]*" <<<"$1" | head -1 | cut -d: -f2; }

note() { printf '%s %s %s\n' "$1" "$2" "$3" >>"$results"; }

# Microseconds of CPU for each of `count` operations.
per_operation() { # ticks, count
  awk -v ticks="$1" -v count="$2" -v hz="$(getconf CLK_TCK)" 'BEGIN { if (count > 0) print ticks / hz * 1e6 / count; else print 0 }'
}

check_line() { # target, line: records the errors in it
  local errors
  errors=$(field "$2" errors)
  note "$1" errors "${errors:-1}"
  [ "${errors:-1}" = 0 ] || say "$1: $2"
}

chat_reader() { # target, mode, more arguments
  local target=$1 mode=$2
  shift 2
  "$reader" "$mode" --url "$(base_of "$target")/v1/chat/completions" --token "$(token_of "$target")" --model fake-model "$@"
}

measure_throughput() {
  local target=$1 before after out done_requests bad
  chat_reader "$target" closed --conns 8 --secs 1 >/dev/null
  write_wrk_script "$(token_of "$target")"
  before=$(ticks "$target")
  out=$(wrk -t2 -c64 -d"${secs}s" -s "$work/post.lua" "$(base_of "$target")/v1/chat/completions")
  after=$(ticks "$target")
  done_requests=$(awk '/ requests in / { print $1 }' <<<"$out")
  bad=$(awk '/Non-2xx/ { print $NF } /Socket errors/ { gsub(",", ""); print $4 + $6 + $8 + $10 }' <<<"$out" | awk '{ sum += $1 } END { print sum + 0 }')
  note "$target" rps "$(awk '/^Requests\/sec/ { print $2 }' <<<"$out")"
  note "$target" cpu_us_per_request "$(per_operation $((after - before)) "$done_requests")"
  note "$target" errors "$bad"
  [ "$bad" = 0 ] || say "$target: $bad of $done_requests requests failed"
}

measure_latency() {
  local target=$1 line
  line=$(chat_reader "$target" rate --rate "$rate" --secs "$secs")
  check_line "$target" "$line"
  note "$target" latency_p50_ms "$(field "$line" latency_p50_ms)"
  note "$target" latency_p99_ms "$(field "$line" latency_p99_ms)"
}

measure_streams() { # target, paced or flood
  local target=$1 before after line cpu spread=0
  # Paced streams begin one after the other within a second; flooding streams begin all at once.
  [ "$2" = flood ] || spread=1000
  before=$(ticks "$target")
  line=$(chat_reader "$target" streams --count "$streams" --spread-ms "$spread")
  after=$(ticks "$target")
  check_line "$target" "$line"
  cpu=$(per_operation $((after - before)) "$(field "$line" chunks)")
  if [ "$2" = flood ]; then
    note "$target" flood_chunks_per_s "$(field "$line" chunks_per_s)"
    note "$target" flood_cpu_us_per_chunk "$cpu"
  else
    note "$target" ttft_p50_ms "$(field "$line" ttft_p50_ms)"
    note "$target" ttft_p99_ms "$(field "$line" ttft_p99_ms)"
    note "$target" gap_p99_ms "$(field "$line" gap_p99_ms)"
    note "$target" cpu_us_per_chunk "$cpu"
  fi
}

# A target's memory when idle, and what each of many open streams adds.
measure_memory() {
  local target=$1 idle busy line input
  chat_reader "$target" closed --conns 1 --secs 1 >/dev/null
  idle=$(pss_kib "$target")
  note "$target" idle_mib "$(awk -v kib="$idle" 'BEGIN { print kib / 1024 }')"
  set_pace "chunks=600&gap_ms=500"
  coproc HOLD { chat_reader "$target" hold --count "$held"; }
  local holder=$HOLD_PID
  input=${HOLD[1]}
  if read -r line <&"${HOLD[0]}"; then
    busy=$(pss_kib "$target")
    note "$target" stream_kib "$(awk -v a="$idle" -v b="$busy" -v n="$held" 'BEGIN { print (b - a) / n }')"
  else
    say "$target: $held streams could not be held open"
    note "$target" errors 1
  fi
  exec {input}>&-
  wait "$holder" 2>/dev/null || true
}
