#!/bin/sh
#
# What docs/monitoring.md shows works: its files are taken from it and run, or checked by the programs they are for.
# atlas-simulator run --env all -- tests/c/monitoring.sh FOLDER

. "$(dirname "$0")/program.sh"
folder=$(cd "$1" && pwd) || exit
here=$(cd "$(dirname "$0")" && pwd) || exit
document=$here/../../docs/monitoring.md
unset MONGODB_ATLAS_TOKEN_CACHE
: >"$out" >"$err"
PATH=$PATH:/usr/sbin:/sbin

has() {
    command -v "$1" >/dev/null 2>&1
}

# holds SENTENCE: of the command before, whose output is in $out.
holds() {
    code=$?
    ok $code "$1"
}

# The files, below $scratch, with this test's paths and secrets in the place of the document's; Cluster1 is odd.
root=$scratch/root
"$PYTHON" - "$document" "$root" "$folder" >"$out" 2>&1 <<'END'
import os, re, sys
document, root, folder = sys.argv[1:]
places = {
    "/usr/local/bin/": folder + "/",
    "/usr/local/lib/nagios/plugins/": folder + "/",
    "/etc/atlas-backup.env": root + "/etc/atlas-backup.env",
    "/etc/atlas-backup/": root + "/etc/atlas-backup/",
    "/var/cache/": root + "/var/cache/",
    "/var/lib/prometheus/node-exporter": root + "/var/lib/prometheus/node-exporter",
    "/metrics/atlas": root + "/var/lib/prometheus/node-exporter/atlas",
    "mdb_sa_id_0123456789abcdef01234567": os.environ["MONGODB_ATLAS_CLIENT_ID"],
    "mdb_sa_sk_...": os.environ["MONGODB_ATLAS_CLIENT_SECRET"],
    "Cluster1": "odd",
}
files = re.findall(r"^`(/[^`]+)`:\n\n```[a-z0-9]+\n(.*?)^```$", open(document, encoding="utf-8").read(), re.M | re.S)
assert len(files) == 10, [name for name, _ in files]
for name, text in files:
    for old, new in places.items():
        if not name.endswith(".yml"):
            text = text.replace(old, new)
    path = root + name
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8", opener=lambda p, flags: os.open(p, flags, 0o600)) as file:
        file.write(text)
for folder in ("/var/cache", "/var/lib/prometheus/node-exporter", "/etc/atlas-backup"):
    os.makedirs(root + folder, exist_ok=True)
END
holds "the document has ten files"
metrics=$root/var/lib/prometheus/node-exporter/atlas_backup.prom

# Nothing but what the files say.
changes="$NO_CREDENTIALS -u HOME -u XDG_CACHE_HOME"

# runs COMMAND: as a shell would.
runs() {
    env $changes sh -c "$1" >"$out" 2>"$err"
    code=$?
}

# written: the metrics of both clusters.
written() {
    grep -q 'scrape_success{.*"Cluster0"} 1' "$metrics" && grep -q 'scrape_success{.*"odd"} 1' "$metrics" && rm "$metrics"
}

runs "$(sed -n 's/^command\[check_atlas_backup\]=//p' "$root/etc/nagios/nrpe.d/atlas-backup.cfg")"
exits 2 && [ ! -s "$err" ] && says "$out" "BACKUP CRITICAL - newest completed snapshot" "| age="
ok $? "NRPE: the command asks for a cluster"

nagios=$root/etc/nagios4/conf.d/atlas-backup.cfg
command=$(sed -n 's/^ *command_line *//p' "$nagios")
IFS='!' read -r name one two three four <<END
$(sed -n 's/^ *check_command *//p' "$nagios")
END
runs "$(printf '%s' "$command" | sed "s/\$ARG1\\$/$one/; s/\$ARG2\\$/$two/; s/\$ARG3\\$/$three/; s/\$ARG4\\$/$four/")"
[ "$name" = check_atlas_backup ] && exits 2 && [ ! -s "$err" ] && says "$out" "BACKUP CRITICAL - newest completed scheduled snapshot" "| age="
ok $? "Nagios: the command asks for a cluster"
if has nagios4; then
    chmod 755 "$scratch"
    cat >"$scratch/nagios.cfg" <<END
cfg_file=$nagios
cfg_file=$scratch/objects.cfg
log_file=$scratch/nagios.log
check_result_path=$scratch
temp_path=$scratch
object_cache_file=$scratch/objects.cache
nagios_user=$(id -un)
nagios_group=$(id -gn)
illegal_macro_output_chars=\`~\$&|'"<>
END
    cat >"$scratch/objects.cfg" <<'END'
define timeperiod {
    timeperiod_name  24x7
    alias            all
}
define command {
    command_name  none
    command_line  /bin/true
}
define contact {
    contact_name                   admin
    host_notification_commands     none
    service_notification_commands  none
    host_notification_period       24x7
    service_notification_period    24x7
}
define contactgroup {
    contactgroup_name  admins
    members            admin
}
define host {
    host_name            localhost
    address              127.0.0.1
    max_check_attempts   1
    contact_groups       admins
    check_period         24x7
    notification_period  24x7
}
END
    nagios4 -v "$scratch/nagios.cfg" >"$out" 2>&1 && says "$out" "Total Errors:   0" && [ "$(grep -c "Checked 1 services" "$out")" -eq 1 ]
    holds "Nagios: takes the configuration"
else
    echo "skipped: whether Nagios takes the configuration: it is not installed (in Debian: nagios4-core)"
fi

if has icinga2; then
    cat >"$scratch/icinga2.conf" <<END
include <itl>
const NodeName = "test"
const ZoneName = "test"
include "$root/etc/icinga2/conf.d/atlas-backup.conf"
END
    mkdir -p "$scratch/icinga/run" "$scratch/icinga/cache/signals" "$scratch/icinga/data" "$scratch/icinga/vars"
    icinga2 daemon -C -c "$scratch/icinga2.conf" -D Configuration.DataDir="$scratch/icinga/data" \
        -D Configuration.CacheDir="$scratch/icinga/cache" -D Configuration.InitRunDir="$scratch/icinga/run" \
        -D Configuration.ObjectsPath="$scratch/icinga/objects" -D Configuration.VarsPath="$scratch/icinga/vars/vars" \
        -D Configuration.RunAsUser="$(id -un)" -D Configuration.RunAsGroup="$(id -gn)" >"$out" 2>&1 &&
        says "$out" "Instantiated 2 Services" "Finished validating the configuration file"
    holds "Icinga: takes the configuration, with a service for each cluster"
else
    echo "skipped: whether Icinga takes the configuration: it is not installed (in Debian: icinga2-bin)"
fi

cron=$(cat "$root/etc/cron.d/atlas-backup-metrics")
runs "$(printf '%s' "$cron" | cut -d' ' -f7-)"
[ "$(printf '%s' "$cron" | cut -d' ' -f1-6)" = "*/15 * * * * atlas-backup" ] && exits 0 && [ ! -s "$out" ] && [ ! -s "$err" ] && written
ok $? "cron: the command writes the metrics of both clusters, and nothing to mail"

# A secret in a file of its own.
printf '%s\n' "$MONGODB_ATLAS_CLIENT_SECRET" >"$root/etc/atlas-backup/client_secret"
unit=$root/etc/systemd/system/atlas-backup-metrics.service
changes="$changes $(sed -n 's/^Environment=//p' "$unit" | sed "s|%d|$root/etc/atlas-backup|")"
mkdir -m 700 "$root/var/cache/atlas-backup-metrics"
runs "$(sed -n 's/^ExecStart=//p' "$unit")"
exits 0 && [ ! -s "$out" ] && [ ! -s "$err" ] && written && grep -q "^LoadCredential=client_secret:$root/etc/atlas-backup/client_secret$" "$unit"
ok $? "systemd: the command writes the metrics of both clusters, with the secret in a file"
if has systemd-analyze; then
    cp "$root"/etc/systemd/system/atlas-backup-metrics.* "$scratch"
    systemd-analyze verify --man=no "$scratch/atlas-backup-metrics.service" "$scratch/atlas-backup-metrics.timer" >"$out" 2>&1
    code=$?
    exits 0 && [ "$(grep -c atlas-backup "$out")" -eq 0 ]
    ok $? "systemd: takes service and timer"
else
    echo "skipped: whether systemd takes the units: systemd-analyze is not installed"
fi

compose=$root/srv/atlas-backup/compose.yaml
command=$(sed -n 's/^ *entrypoint: //p' "$compose" | "$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)[2].split("do ")[1].split(";")[0])')
changes="$NO_CREDENTIALS $(sed -n 's/^ *\(MONGODB_[A-Z_]*\): /\1=/p' "$compose" | sed "s|/run/secrets/atlas_client_secret|$root/etc/atlas-backup/client_secret|")"
runs "$command"
exits 0 && [ ! -s "$out" ] && [ ! -s "$err" ] && written
ok $? "Docker: the command writes the metrics of both clusters, with the secret in a file"

rules=$root/etc/prometheus/rules/atlas-backup.yml
panel=$root/srv/grafana/atlas-backup-panel.json
"$PYTHON" - "$panel" >"$scratch/panel.yml" 2>"$err" <<'END'
import json, sys
panel = json.load(open(sys.argv[1]))
assert panel["type"] == "timeseries" and panel["title"] and panel["gridPos"]
rules = [{"record": f"panel:{target['refId']}", "expr": target["expr"]} for target in panel["targets"]]
print(json.dumps({"groups": [{"name": "panel", "rules": rules}]}))
END
holds "Grafana: the panel is JSON"
if has promtool; then
    promtool check rules "$rules" >"$out" 2>&1 && says "$out" "SUCCESS: 5 rules found"
    holds "Prometheus: takes the rules"
    promtool check rules "$scratch/panel.yml" >"$out" 2>&1
    holds "Grafana: the panel's query is one"
    cp "$rules" "$here/monitoring_rules.yml" "$scratch" && promtool test rules "$scratch/monitoring_rules.yml" >"$out" 2>&1
    holds "Prometheus: the rules raise their alerts"
else
    echo "skipped: whether Prometheus takes rules and panel: promtool is not installed (in Debian: prometheus)"
fi

# What the document shows of the plugin's output, but for numbers and ids that are other ones each time.
# page "ID STATUS [AGE SIZE]"...: what Atlas has; the age in seconds.
page() {
    "$PYTHON" - "$@" <<'END'
import json, sys, time
page = []
for text in sys.argv[1:]:
    id, status, *taken = text.split()
    page.append({"id": id, "status": status})
    if taken:
        page[-1]["createdAt"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - int(taken[0])))
        page[-1]["storageSizeBytes"] = int(taken[1])
print(json.dumps({"results": page}))
END
}
page "5f4007f327a3bd7b6f4103c5 completed 11550 1574477824" "5f4007f327a3bd7b6f4103c4 completed 90000 1" | serve Cluster0
page "5f4007f327a3bd7b6f4103d1 completed 108380 1288490188" "5f4008f327a3bd7b6f4103d2 failed" | serve odd
changes="-u MONGODB_ATLAS_TOKEN_CACHE"
program=$folder/check_backup
shape() {
    sed 's/age=[0-9]*s/age=Ns/g; s/Cluster1/odd/g; s/ odd_age=.*//' "$1"
}
for clusters in Cluster0 "Cluster0 odd"; do
    ask -w 26 -c 48 "$project" $clusters
    shape "$out" >"$scratch/shown"
    sed -n "/^check_backup -w 26 -c 48 .*$project $(echo "$clusters" | sed 's/odd/Cluster1/')$/,/^\`\`\`/p" "$document" | sed '1d;$d' >"$scratch/lines"
    shape "$scratch/lines" | diff - "$scratch/shown" && [ -s "$scratch/lines" ]
    ok $? "the document shows what the plugin says of $clusters"
done
honest

# What the document says of the metrics is what there is.
program=$folder/export_metrics
changes=
ask "$project" Cluster0
sed -n 's/^| `\(atlas_backup_[a-z_]*\)`.*/\1/p' "$document" | sort >"$scratch/documented"
sed -n 's/^# TYPE \([a-z_]*\) gauge$/\1/p' "$out" | sort | diff "$scratch/documented" - && [ "$(wc -l <"$scratch/documented")" -eq 7 ]
ok $? "the document names the metrics that there are"
cat "$rules" "$panel" | grep -o 'atlas_backup_[a-z_]*' | sort -u | comm -23 - "$scratch/documented" >"$scratch/unknown" && [ ! -s "$scratch/unknown" ]
ok $? "rules and panel name no other"

# The node exporter itself.
if has prometheus-node-exporter; then
    ask --output "$metrics" "$project" Cluster0 odd error-404
    "$PYTHON" - "$(dirname "$metrics")" >"$out" 2>"$err" <<'END'
import socket, subprocess, sys, time, urllib.request
with socket.create_server(("127.0.0.1", 0)) as server:
    port = server.getsockname()[1]
exporter = subprocess.Popen(
    ["prometheus-node-exporter", "--collector.disable-defaults", "--collector.textfile",
     f"--collector.textfile.directory={sys.argv[1]}", f"--web.listen-address=127.0.0.1:{port}"],
    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
try:
    for attempt in range(200):
        try:
            print(opener.open(f"http://127.0.0.1:{port}/metrics").read().decode())
            break
        except OSError:
            time.sleep(0.05)
finally:
    exporter.terminate()
    exporter.wait()
END
    says "$out" "node_textfile_scrape_error 0" 'atlas_backup_scrape_success{cluster="Cluster0",project="'"$project"'"} 1' \
        'atlas_backup_scrape_success{cluster="error-404",project="'"$project"'"} 0' 'node_textfile_mtime_seconds{file="'"$metrics"'"}'
    holds "the node exporter reads the file"
else
    echo "skipped: whether the node exporter reads the file: it is not installed (in Debian: prometheus-node-exporter)"
fi

finish
