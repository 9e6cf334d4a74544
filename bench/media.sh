# Measures images and files, stored in the default folder: downloads (compared with nginx and the same file), uploads,
# memory during many uploads, and links for ten ids. Sourced by bench/run, not run.
# shellcheck shell=bash disable=SC2154 # the variables are bench/run's

media_key=sk_bench_of_the_user_with_media
uploads=64

# shellcheck disable=SC2329 # called by bench/run
media_part() {
  local round name id ids=""
  mkdir -p "$work/files"
  for name in $(seq 10); do picture "$work/files/$name.png" $((1024 * 1024)); done
  picture "$work/files/large.png" $((20 * 1024 * 1024))
  start_files
  start_with_media
  for name in $(seq 10); do ids="$ids,\"$(upload "$work/files/$name.png" | id_of)\""; done
  id=$(upload "$work/files/large.png" | id_of)
  [ -n "$id" ] || fail "a file of 20 MiB could not be uploaded."
  for round in $(seq "$rounds"); do
    say "media, round $round of $rounds"
    measure_download nginx "http://127.0.0.1:$nginx_port/large.png"
    measure_download jan "$(base_of jan)/v1/media/$id"
    measure_uploads
    measure_resolve "${ids#,}"
  done
  stop_one "$media_pid"
  stop_one "$files_pid"
  media_table
}

# Writes a file that begins like a PNG image and continues with random bytes.
picture() { # file, bytes
  printf '\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x10\0\0\0\x10\x08\x02\0\0\0' >"$1"
  head -c "$(($2 - 29))" /dev/urandom >>"$1"
}

start_files() {
  local user=""
  # Started by root, nginx's workers would run as a user that cannot read this folder.
  [ "$(id -u)" -ne 0 ] || user="user root;"
  cat >"$work/files.conf" <<CONF
$user
daemon off;
worker_processes auto;
pid $work/files.pid;
error_log $work/files.log warn;
events { worker_connections 1024; }
http {
  access_log off;
  sendfile on;
  types { image/png png; }
  client_body_temp_path $work/f1; proxy_temp_path $work/f2; fastcgi_temp_path $work/f3;
  uwsgi_temp_path $work/f4; scgi_temp_path $work/f5;
  server { listen 127.0.0.1:$nginx_port; root $work/files; }
}
CONF
  nginx -c "$work/files.conf" -e "$work/files.log" &
  files_pid=$!
  started+=("$files_pid")
  wait_for_port "$nginx_port" "$work/files.log"
}

start_with_media() {
  rm -rf "$work/media"
  env -C "$work" "${forget[@]}" "${jan_environment[@]}" JAN_DATA_DIR="$work/media" JAN_API_KEYS="$media_key" \
    "$bin/jan-server" >"$work/media.log" 2>&1 &
  media_pid=$!
  jan_pid=$media_pid
  started+=("$media_pid")
  wait_for_port "$jan_port" "$work/media.log"
}

upload() { # file, more arguments
  local file=$1
  shift
  curl -fsS "$@" -H "Authorization: Bearer $media_key" -F "file=@$file" "$(base_of jan)/v1/media/upload"
}

id_of() { grep -o '"id":"jan_[^"]*"' | head -1 | cut -d'"' -f4; }

measure_download() { # target, url
  local out
  out=$(wrk -t2 -c8 -d"${secs}s" -H "Authorization: Bearer $media_key" "$2")
  note "media_$1" download_mib_per_s "$(awk '/^Transfer\/sec/ { v = $2; u = v; sub(/[A-Z]+$/, "", v); if (u ~ /GB/) v *= 1024; if (u ~ /KB/) v /= 1024; print v }' <<<"$out")"
  note "media_$1" errors "$(awk '/Non-2xx/ { print $NF; found = 1 } END { if (!found) print 0 }' <<<"$out")"
}

# First many uploads at the same time, each at a limited rate, so that all are open together; then eight at full speed.
measure_uploads() {
  local idle peak=0 now pid pids=() before after
  idle=$(pss_kib jan)
  for _ in $(seq "$uploads"); do
    upload "$work/files/large.png" --limit-rate 5M -o /dev/null &
    pids+=($!)
  done
  while kill -0 "${pids[@]}" 2>/dev/null; do
    now=$(pss_kib jan)
    [ "$now" -le "$peak" ] || peak=$now
    sleep 0.1
  done
  for pid in "${pids[@]}"; do wait "$pid" || note media_jan errors 1; done
  note media_jan upload_memory_mib "$(awk -v a="$idle" -v b="$peak" 'BEGIN { print (b - a) / 1024 }')"
  before=$(date +%s.%N)
  pids=()
  for _ in $(seq 8); do
    upload "$work/files/large.png" -o /dev/null &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid" || note media_jan errors 1; done
  after=$(date +%s.%N)
  note media_jan upload_mib_per_s "$(awk -v a="$before" -v b="$after" 'BEGIN { print 8 * 20 / (b - a) }')"
}

measure_resolve() { # ids, quoted
  local out
  cat >"$work/resolve.lua" <<LUA
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
wrk.headers["authorization"] = "Bearer $media_key"
wrk.body = '{"ids":[$1]}'
LUA
  out=$(wrk -t1 -c1 -d"${secs}s" --latency -s "$work/resolve.lua" "$(base_of jan)/v1/media/resolve")
  for name in 50 99; do
    note media_jan "resolve_p${name}_ms" "$(awk -v p="$name%" '$1 == p { v = $2; if (v ~ /us$/) { sub(/us/, "", v); v /= 1000 } else if (v ~ /ms$/) sub(/ms/, "", v); else { sub(/s/, "", v); v *= 1000 } print v }' <<<"$out")"
  done
  note media_jan errors "$(awk '/Non-2xx/ { print $NF; found = 1 } END { if (!found) print 0 }' <<<"$out")"
}

media_table() {
  printf '\n| pictures and files, in a folder | jan | nginx |\n|---|---|---|\n'
  printf '| a file of 20 MiB read, 8 connections (MiB/s) | %s | %s |\n' "$(median media_jan download_mib_per_s)" "$(median media_nginx download_mib_per_s)"
  printf '| files of 20 MiB uploaded, 8 at once (MiB/s) | %s | – |\n' "$(median media_jan upload_mib_per_s)"
  printf '| memory above idle while %s of 20 MiB are uploaded (MiB) | %s | – |\n' "$uploads" "$(median media_jan upload_memory_mib)"
  printf '| links for 10 ids, p50 (ms) | %s | – |\n' "$(median media_jan resolve_p50_ms)"
  printf '| links for 10 ids, p99 (ms) | %s | – |\n' "$(median media_jan resolve_p99_ms)"
  printf '\nerrors: %s\n' "$(awk '$1 ~ /^media_/ && $2 == "errors" { sum += $3 } END { print sum + 0 }' "$results")"
}
