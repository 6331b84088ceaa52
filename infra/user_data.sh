#!/bin/bash
# Boots a runner. Order matters: first the dead man's switch, so that nothing after it can leave a machine behind.
# Any failure powers the machine off, which terminates it (launch template). No secret is ever an argument or a log line.
set -euo pipefail
umask 077

NAME='@NAME@' REGION='@REGION@' URL_SUFFIX='@URL_SUFFIX@' HOLD='@HOLD@'
TABLE='@TABLE@' ROLE_ID='@ROLE_ID@' EVIDENCE_BUCKET='@EVIDENCE_BUCKET@'
K3S_BUCKET='@K3S_BUCKET@' K3S_KEY='@K3S_KEY@' K3S_SHA256='@K3S_SHA256@'
IMAGES_BUCKET='@IMAGES_BUCKET@' IMAGES_KEY='@IMAGES_KEY@' IMAGES_SHA256='@IMAGES_SHA256@'
AGENT_BUCKET='@AGENT_BUCKET@' AGENT_KEY='@AGENT_KEY@' AGENT_SHA256='@AGENT_SHA256@'

DESTDIR=${DESTDIR:-}
UNITS=$DESTDIR/etc/systemd/system
STATE=$DESTDIR/var/lib/relight
EXPIRY=$STATE/expiry
LIB=$DESTDIR/usr/local/lib/relight
KUBECONFIG_FILE=$DESTDIR/etc/rancher/k3s/k3s.yaml
IMDS=${AWS_EC2_METADATA_SERVICE_ENDPOINT:-http://169.254.169.254}
IMDS=${IMDS%/}/latest
S3=${AWS_ENDPOINT_URL_S3:-${AWS_ENDPOINT_URL:-https://s3.$REGION.$URL_SUFFIX}}
S3=${S3%/}
BOOTED=$(date +%s)

say() { printf 'relight: %s\n' "$*" >&2; }

give_up() {
  status=$?
  [ "$status" -eq 0 ] && return
  say "boot failed (status $status); powering off, which terminates this runner"
  systemctl poweroff || systemctl poweroff --force --force
}
trap give_up EXIT

enable_unit() { # name, unit text on stdin; enabling makes systemd read its units again
  cat > "$UNITS/$1.service"
  systemctl enable --now "$1.service"
  say "$1 started"
}

# ------------------------------------------------------------------ 1. the dead man's switch
mkdir -p "$UNITS" "$STATE" "$LIB" "$DESTDIR/etc/relight" "$DESTDIR/usr/local/bin" "$DESTDIR/etc/rancher/k3s"
echo $((BOOTED + HOLD)) > "$EXPIRY"

# A value that is no number never extends a life: the last good one counts, at first the one the machine was born with.
# Nor does a clock that is set back: it counts for no less than the time that has passed.
cat > "$LIB/deadman.sh" <<'DEADMAN'
#!/bin/bash
expiry_file=$1 limit=$2
up() { read -r uptime _ < /proc/uptime; uptime=${uptime%.*}; }
up
started=$(($(date +%s) - uptime))
while :; do
  wanted=$(cat "$expiry_file" 2> /dev/null)
  case $wanted in '' | *[!0-9]* | ????????????*) ;; *) limit=$wanted ;; esac
  up
  if [ "$(date +%s)" -ge "$limit" ] || [ $((started + uptime)) -ge "$limit" ]; then
    echo "relight: this runner expired; powering off" >&2
    systemctl poweroff || systemctl poweroff --force --force
  fi
  sleep 5
done
DEADMAN

enable_unit relight-deadman <<UNIT
[Unit]
Description=Relight: powers this runner off at its expiry
StartLimitIntervalSec=0
[Service]
OOMScoreAdjust=-1000
ExecStart=/bin/bash $LIB/deadman.sh $EXPIRY $((BOOTED + HOLD))
Restart=always
RestartSec=1
[Install]
WantedBy=multi-user.target
UNIT

# ------------------------------------------------------------------ 2. what the machine knows of itself
imds_token=$(curl -sf --retry 3 --retry-delay 1 --retry-connrefused --max-time 5 -X PUT -H 'x-aws-ec2-metadata-token-ttl-seconds: 900' "$IMDS/api/token")

imds() { # path; the session token goes through stdin
  printf 'header = "x-aws-ec2-metadata-token: %s"\n' "$imds_token" \
    | curl -sf --retry 3 --max-time 5 --config - "$IMDS/meta-data/$1"
}

told=$(imds tags/instance/relight:expires-at || true) # epoch seconds; it may only shorten this life
case $told in
  '' | *[!0-9]* | ????????????*) say "no readable relight:expires-at tag; the runner lives for $HOLD s at most" ;;
  *) if [ "$told" -lt $((BOOTED + HOLD)) ]; then echo "$told" > "$EXPIRY"; fi ;;
esac

cat > "$DESTDIR/etc/relight/agent.json" <<JSON
{
  "name": "$NAME",
  "region": "$REGION",
  "table": "$TABLE",
  "role_id": "$ROLE_ID",
  "evidence_bucket": "$EVIDENCE_BUCKET",
  "kubeconfig": "$KUBECONFIG_FILE",
  "data_dir": "$STATE",
  "expiry_file": "$EXPIRY"
}
JSON

# ------------------------------------------------------------------ 3. pinned artifacts, signed requests, checked digests
EMPTY_SHA256=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855

signature() { # curl config lines that sign an S3 request as this instance, of credentials that are good for hours
  local role given
  role=$(imds iam/security-credentials/ | head -n 1) || return
  given=$(imds "iam/security-credentials/$role") || return
  field() { [[ $given =~ \"$1\"[[:space:]]*:[[:space:]]*\"([^\"]+)\" ]] && printf '%s' "${BASH_REMATCH[1]}"; }
  printf 'user = "%s:%s"\n' "$(field AccessKeyId)" "$(field SecretAccessKey)"
  printf 'header = "x-amz-security-token: %s"\n' "$(field Token)"
}
signed=$(signature)

s3() { # bucket, key, options; gives up on a transfer that stalls for 10 s, and on any after two minutes
  printf '%s\n' "$signed" \
    | curl -sSf --retry 4 --retry-connrefused --retry-max-time 60 --connect-timeout 5 --speed-limit 1024 --speed-time 10 \
      --max-time 120 --config - --aws-sigv4 "aws:amz:$REGION:s3" -H "x-amz-content-sha256: $EMPTY_SHA256" "${@:3}" "$S3/$1/$2"
}

again() { # bucket, key, options; a connection that broke is opened anew, S3's refusal (curl's 22) is final
  local attempt status
  for attempt in 1 2 3; do
    s3 "$@" && return
    status=$?
    if [ "$status" -eq 22 ] || [ "$attempt" -eq 3 ]; then
      say "s3://$1/$2 could not be fetched (curl's status $status)"
      return 1
    fi
    sleep "$attempt"
  done
}

# A connection to S3 carries so much a second and no more, so a large object comes over a few. Its parts are proven as one.
PART=$((4 * 1024 * 1024)) CONNECTIONS=4
fetch() { # bucket, key, sha256, file
  local size step from one parts=() running=()
  size=$(again "$1" "$2" -I | tr -d '\r' | sed -n 's/^[Cc]ontent-[Ll]ength: *//p' | tail -n 1) || return
  step=$((size / CONNECTIONS + 1 > PART ? size / CONNECTIONS + 1 : PART))
  for ((from = 0; from < size; from += step)); do
    parts+=("$4.part.$from")
    again "$1" "$2" -r "$from-$((from + step - 1))" -o "$4.part.$from" &
    running+=($!)
  done
  for one in "${running[@]}"; do wait "$one" || return; done
  cat "${parts[@]}" < /dev/null > "$4.part"
  rm "${parts[@]}"
  printf '%s  %s\n' "$3" "$4.part" | sha256sum --check --status \
    || { say "s3://$1/$2 is not the pinned artifact: its sha256 is not $3"; return 1; }
  mv "$4.part" "$4"
  say "$2 fetched and verified"
}

start_k3s() {
  local k3s=$DESTDIR/usr/local/bin/k3s images=$DESTDIR/var/lib/rancher/k3s/agent/images loading=
  if [ -n "$IMAGES_KEY" ]; then # the cluster's own images, so that no registry is needed for them
    mkdir -p "$images"
    fetch "$IMAGES_BUCKET" "$IMAGES_KEY" "$IMAGES_SHA256" "$images/k3s.tar.zst" &
    loading=$!
  fi
  fetch "$K3S_BUCKET" "$K3S_KEY" "$K3S_SHA256" "$k3s" || return
  [ -z "$loading" ] || wait "$loading" || return
  chmod 755 "$k3s"
  enable_unit relight-k3s <<UNIT
[Unit]
Description=Relight: the cluster an application is restored into
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0
[Service]
Type=exec
Delegate=yes
KillMode=process
LimitNOFILE=1048576
TasksMax=infinity
ExecStart=$k3s server --disable traefik,servicelb,metrics-server --disable-cloud-controller --disable-helm-controller --write-kubeconfig $KUBECONFIG_FILE --write-kubeconfig-mode 0600 --data-dir $DESTDIR/var/lib/rancher/k3s --node-name relight
Restart=always
RestartSec=1
[Install]
WantedBy=multi-user.target
UNIT
}

start_agent() {
  local bundle=$DESTDIR/opt/relight/agent
  mkdir -p "$bundle"
  fetch "$AGENT_BUCKET" "$AGENT_KEY" "$AGENT_SHA256" "$bundle.zip" || return
  python3 -m zipfile -e "$bundle.zip" "$bundle" || return
  enable_unit relight-agent <<UNIT
[Unit]
Description=Relight: the agent
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0
[Service]
OOMScoreAdjust=-900
Environment=PYTHONPATH=$bundle
Environment=AWS_DEFAULT_REGION=$REGION
ExecStart=$(command -v python3) -m relight.agent $DESTDIR/etc/relight/agent.json
Restart=on-failure
RestartSec=1
[Install]
WantedBy=multi-user.target
UNIT
}

# The cluster's start-up is the longest part: it begins as soon as its one file is there.
start_k3s &
cluster=$!
start_agent
wait "$cluster"
say "booted in $(($(date +%s) - BOOTED)) s"
