# Stops the tests' PostgreSQL once nobody has used it for five minutes. $1 its folder, $2 its programs, $3 its user.
home=$1; bin=$2; user=${3:-}
cd "$home" || exit 1
server=$(head -n 1 data/postmaster.pid) || exit 1
busy() { [ "$("$bin/psql" -h "$home/socket" -U anlan -d postgres -Atc \
  "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'" 2>/dev/null)" != 1 ]; }
while sleep 20; do
  kill -0 "$server" 2>/dev/null || exit 0
  [ -z "$(find used -mmin -5 2>/dev/null)" ] || continue
  exec 9>lock
  flock 9
  if [ -z "$(find used -mmin -5 2>/dev/null)" ] && ! busy; then
    ${user:+runuser -u "$user" --} "$bin/pg_ctl" stop -m fast -D data
    rm -rf data socket
    exit 0
  fi
  exec 9>&-
done
