#!/usr/bin/env bash
# Starts a Slurm of one node on this machine's loopback, as root, without systemd and without
# touching /etc; `stop.sh FOLDER` ends it. For the tests in this folder.
#
#   start.sh FOLDER CONTROLLER_PORT NODE_PORT [DATABASE_PORT]
#
# With a DATABASE_PORT it keeps accounts (slurmdbd and a MariaDB of its own) and takes jobs only
# of those who have one. FOLDER gets slurm.conf, which SLURM_CONF is to name. FOLDER's path must be
# short: sockets lie in it.
set -euo pipefail
umask 022
mkdir -p "$1"/{log,run,spool/controller,spool/node}
dir=$(cd "$1" && pwd -P)
controller=$2 node=$3 database=${4:-}
host=$(hostname -s)
export SLURM_CONF=$dir/slurm.conf

until_true() { # SECONDS COMMAND...: waits until it succeeds
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt "$end" ] || { echo "slurm: not up after a while: $*; see $dir/log" >&2; exit 1; }
    sleep 0.2
  done
}
idle() { sinfo -h -o %t | grep -Eqx 'idle|mix|alloc'; }

dd if=/dev/urandom of="$dir/key" bs=1 count=1024 status=none
chmod 600 "$dir/key"
: >"$dir/plugstack.conf"
if [ -n "$database" ]; then
  accounting="AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort=$database
AccountingStoragePass=$dir/run/munge
AccountingStorageEnforce=associations"
else
  accounting="AccountingStorageType=accounting_storage/none"
fi
# CPUs beyond the machine's let several jobs wait and run at once; cred_expire is how long a
# requeued job waits (120 s unless set).
cat >"$SLURM_CONF" <<CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$controller
SlurmdPort=$node
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$dir/run/munge,cred_expire=5
CryptoType=crypto/munge
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation=$dir/spool/controller
SlurmdSpoolDir=$dir/spool/node
SlurmctldPidFile=$dir/run/slurmctld.pid
SlurmdPidFile=$dir/run/slurmd.pid
SlurmctldLogFile=$dir/log/slurmctld
SlurmdLogFile=$dir/log/slurmd
PlugStackConfig=$dir/plugstack.conf
MailProg=/bin/true
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=batch_sched_delay=0,sched_interval=1
SlurmdParameters=config_overrides
SwitchType=switch/none
MpiDefault=none
KillWait=15
MaxArraySize=4
MinJobAge=86400
JobRequeue=1
ReturnToService=2
$accounting
DefMemPerCPU=100
NodeName=localhost NodeHostname=$host NodeAddr=127.0.0.1 CPUs=4 RealMemory=4000 State=UNKNOWN
PartitionName=test Nodes=localhost Default=YES MaxTime=60 DefaultTime=10 State=UP
CONF

munged --key-file="$dir/key" --socket="$dir/run/munge" --pid-file="$dir/run/munged.pid" \
  --log-file="$dir/log/munged" --seed-file="$dir/run/seed" --num-threads=2
until_true 10 munge --socket="$dir/run/munge" --no-input

if [ -n "$database" ]; then
  mariadb-install-db --no-defaults --user=root --datadir="$dir/mariadb" \
    --auth-root-authentication-method=normal --skip-test-db >"$dir/log/mariadb-install" 2>&1
  setsid mariadbd --no-defaults --user=root --datadir="$dir/mariadb" --socket="$dir/run/mariadb" \
    --pid-file="$dir/run/mariadbd.pid" --log-error="$dir/log/mariadb" --skip-networking \
    --innodb-buffer-pool-size=64M --innodb-lock-wait-timeout=900 \
    --performance-schema=OFF </dev/null >/dev/null 2>&1 &
  until_true 60 mariadb --no-defaults --socket="$dir/run/mariadb" -uroot \
    -e 'create database if not exists slurm_acct_db'
  cat >"$dir/slurmdbd.conf" <<CONF
AuthType=auth/munge
AuthInfo=socket=$dir/run/munge
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort=$database
SlurmUser=root
PidFile=$dir/run/slurmdbd.pid
LogFile=$dir/log/slurmdbd
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=root
StorageLoc=slurm_acct_db
CommunicationParameters=NoInAddrAny
CONF
  chmod 600 "$dir/slurmdbd.conf"
  MYSQL_UNIX_PORT=$dir/run/mariadb slurmdbd
  until_true 60 sacctmgr -n show cluster
  sacctmgr -i add cluster test >/dev/null
  sacctmgr -i add account lab description=lab organization=lab >/dev/null
  sacctmgr -i add user root account=lab >/dev/null
fi
slurmctld -f "$SLURM_CONF"
until_true 20 scontrol ping
slurmd -f "$SLURM_CONF"
until_true 30 idle
