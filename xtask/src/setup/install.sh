# Installs the Debian packages named by the arguments; run as root by `cargo xtask setup`.
#
# While packages are installed no service may be started and no PostgreSQL cluster is created. What this
# changes besides the packages is put back when it ends, also after a failure or an interruption; what a
# killed run left behind is put back by the next one.
#
# SETUP_ROOT is for tests: the folder that stands for `/`.
set -u
root=${SETUP_ROOT:-}
policy=$root/usr/sbin/policy-rc.d
saved=$policy.before-countersign
cluster_folder=$root/etc/postgresql-common/createcluster.d
cluster=$cluster_folder/zz-countersign-setup.conf
mark='# temporary, by countersign: cargo xtask setup'

put_back() {
    if grep -qsF "$mark" "$policy"; then
        rm -f "$policy"
    fi
    if [ -e "$saved" ]; then
        mv "$saved" "$policy"
    fi
    rm -f "$cluster"
    rmdir "$cluster_folder" "$root/etc/postgresql-common" 2>/dev/null
    return 0
}

# Does the policy that is there already forbid to start what these packages bring?
policy_denies() {
    for service in postgresql pgbouncer; do
        "$policy" "$service" start >/dev/null 2>&1
        [ $? -eq 101 ] || return 1
    done
}

deny_services() {
    if [ -e "$policy" ]; then
        if policy_denies; then return; fi
        mv "$policy" "$saved" || exit 1
    fi
    printf '#!/bin/sh\n%s\nexit 101\n' "$mark" >"$policy" && chmod 755 "$policy" || exit 1
}

deny_clusters() {
    mkdir -p "$cluster_folder" && echo 'create_main_cluster = false' >"$cluster" || exit 1
}

trap put_back EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

deny_services
deny_clusters
export DEBIAN_FRONTEND=noninteractive
apt-get update || echo 'setup: the package lists could not be renewed; trying with those that are here'
apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300 "$@"
