#!/bin/sh
# Run as root in a mount namespace of its own: adds /var/task and /var/runtime/bootstrap, which AWS's emulator wants for
# Lambda Managed Instances. It starts the runtime as another user, so the folders CLOSED (a line each) become open to
# every user. Outside of the namespace nothing changes.
# Usage: CLOSED=... managed_namespace.sh 'WORDS OF THE RUNTIME' COMMAND...
set -eu
runtime=$1
shift

# Puts a folder that is open to everybody over another one, with the same folders in it.
cover() {
    before=$(mktemp -d)
    mount --rbind "$1" "$before"
    mount -t tmpfs -o mode=755 tmpfs "$1"
    for entry in "$before"/* "$before"/.[!.]*; do
        name=${entry##*/}
        if [ -L "$entry" ]; then
            cp -P "$entry" "$1/"
        elif [ -d "$entry" ]; then
            mkdir "$1/$name"
            mount --rbind "$entry" "$1/$name"
        fi
    done
    umount -l "$before"
    rmdir "$before"
}

cover /var
printf '%s' "${CLOSED:-}" | while read -r folder; do
    cover "$folder"
done
mkdir -p /var/task /var/runtime
printf '#!/bin/sh\nexec %s\n' "$runtime" >/var/runtime/bootstrap
chmod 755 /var/runtime/bootstrap
cd /var/task
exec "$@"
