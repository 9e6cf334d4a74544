# Measures stored conversations, in the default SQLite file: turns a second, the time that storing adds to a turn, and
# whether a list is as fast for a user with a hundred times more conversations. Sourced by bench/run, not run.
# shellcheck shell=bash disable=SC2154 # the variables are bench/run's

# Two users, with keys that do not expire while the conversations are created.
few_key=sk_bench_of_the_user_with_few
many_key=sk_bench_of_the_user_with_many

# shellcheck disable=SC2329 # called by bench/run
store_part() {
  local durability round
  set_pace "delay_ms=0&gap_ms=0&chunks=20"
  for durability in process full; do
    start_with_store "$durability"
    say "conversations, durability $durability: making $few and $many"
    fill "$few_key" "$few" >/dev/null
    note "$durability" made_per_s "$(field "$(fill "$many_key" "$many")" per_s)"
    for round in $(seq "$rounds"); do
      say "conversations, durability $durability, round $round of $rounds"
      measure_turns "$durability"
      measure_lists "$durability"
      measure_lengths "$durability"
    done
    stop_one "$store_pid"
  done
  store_table
}

start_with_store() { # durability
  rm -rf "$work/store"
  env -C "$work" "${forget[@]}" "${jan_environment[@]}" JAN_DATA_DIR="$work/store" JAN_API_KEYS="$few_key,$many_key" \
    JAN__DATABASE__DURABILITY="$1" "$bin/jan-server" >"$work/store.log" 2>&1 &
  store_pid=$!
  started+=("$store_pid")
  wait_for_port "$jan_port" "$work/store.log"
}

fill() { # key, count: also writes the ids to a file named like the key
  "$reader" fill --url "$(base_of jan)/v1/conversations" --token "$1" --count "$2" --conns 64 --ids "$work/$1"
}

# At full speed on 64 connections, and at a rate at which requests do not wait for each other.
measure_turns() { # durability
  local kept line chat
  chat=(--url "$(base_of jan)/v1/chat/completions" --token "$few_key")
  for kept in plain kept; do
    [ "$kept" = plain ] || chat+=(--conversations "$work/$few_key")
    line=$("$reader" closed "${chat[@]}" --conns 64 --secs "$secs")
    check_line "$1" "$line"
    note "$1" "${kept}_rps" "$(field "$line" rps)"
    note "$1" "${kept}_busy_p50_ms" "$(field "$line" latency_p50_ms)"
    note "$1" "${kept}_busy_p99_ms" "$(field "$line" latency_p99_ms)"
    line=$("$reader" rate "${chat[@]}" --rate "$rate" --secs "$secs")
    check_line "$1" "$line"
    note "$1" "${kept}_paced_p50_ms" "$(field "$line" latency_p50_ms)"
    note "$1" "${kept}_paced_p99_ms" "$(field "$line" latency_p99_ms)"
  done
}

measure_lists() { # durability
  local key line
  for key in "$few_key" "$many_key"; do
    line=$("$reader" closed --get --url "$(base_of jan)/v1/conversations?limit=50" --token "$key" --conns 1 --secs "$secs")
    check_line "$1" "$line"
    note "$1" "list_${key##*_}_p50_ms" "$(field "$line" latency_p50_ms)"
    note "$1" "list_${key##*_}_p99_ms" "$(field "$line" latency_p99_ms)"
  done
}

# One turn at a time in a conversation of so many items, and the same messages sent whole by the client.
conversation_lengths="10 100 400 1000"
measure_lengths() { # durability
  local line length way
  line=$("$reader" lengths --url "$(base_of jan)/v1/chat/completions" --token "$few_key" --items "${conversation_lengths// /,}")
  for length in $conversation_lengths; do
    for way in kept sent; do note "$1" "${way}_$length" "$(field "$line" "${way}_${length}_ms")"; done
  done
}

# The median of the rounds; with a third argument, the first metric's median minus the second's.
median() { # durability, metric, metric to subtract
  awk -v target="$1" -v metric="$2" -v off="${3:-}" '
    function middle(values, count,   i, j, swap) {
      for (i = 1; i < count; i++) for (j = i + 1; j <= count; j++)
        if (values[j] < values[i]) { swap = values[i]; values[i] = values[j]; values[j] = swap }
      return values[int(count / 2) + 1 > count ? count : int(count / 2) + 1]
    }
    $1 == target && $2 == metric { a[++n] = $3 + 0 }
    $1 == target && $2 == off { b[++m] = $3 + 0 }
    END {
      if (n == 0) { print "–"; exit }
      value = middle(a, n) - (m > 0 ? middle(b, m) : 0)
      printf(value >= 100 ? "%.0f\n" : "%.2f\n", value)
    }' "$results"
}

store_row() { # name of the row, metric, metric to subtract
  printf '| %s | %s | %s |\n' "$1" "$(median process "$2" "${3:-}")" "$(median full "$2" "${3:-}")"
}

store_table() {
  printf '\n| kept in SQLite, by `database.durability` | `process` | `full` |\n|---|---|---|\n'
  store_row "conversations made, 64 connections (a second)" made_per_s
  store_row "turns kept, 64 connections (a second)" kept_rps
  store_row "turns not kept, 64 connections (a second)" plain_rps
  store_row "added by keeping a turn, 64 connections, p50 (ms)" kept_busy_p50_ms plain_busy_p50_ms
  store_row "added by keeping a turn, 64 connections, p99 (ms)" kept_busy_p99_ms plain_busy_p99_ms
  store_row "added by keeping a turn, $rate a second, p50 (ms)" kept_paced_p50_ms plain_paced_p50_ms
  store_row "added by keeping a turn, $rate a second, p99 (ms)" kept_paced_p99_ms plain_paced_p99_ms
  local length
  for length in $conversation_lengths; do
    store_row "a turn kept in a conversation of $length items, p50 (ms)" "kept_$length"
    store_row "the same messages sent by the client, p50 (ms)" "sent_$length"
  done
  store_row "list of 50 of $few, p50 (ms)" list_few_p50_ms
  store_row "list of 50 of $few, p99 (ms)" list_few_p99_ms
  store_row "list of 50 of $many, p50 (ms)" list_many_p50_ms
  store_row "list of 50 of $many, p99 (ms)" list_many_p99_ms
  printf '\nerrors: %s\n' "$(awk '($1 == "process" || $1 == "full") && $2 == "errors" { sum += $3 } END { print sum + 0 }' "$results")"
}
