#!/bin/sh
# usage: PYTHON=python3 lock/install.sh FOLDER LOCK [editable]
# Makes the virtual environment FOLDER if it is not there, and installs lock/LOCK.txt into it: exact versions, checked hashes.
# With `editable` the project itself follows, from this folder. What the machine lacks is named with what to do about it.
set -eu
folder=$1 lock=$2 project=${3:-}
python=${PYTHON:-python3}
cd "$(dirname "$0")/.."

stop() {
    printf '\n%s\n' "$@" >&2
    exit 1
}

# As root on CI the package that Debian splits off is installed; a person is told its name instead.
venv_missing() {
    package="python$1-venv"
    if [ "${CI:-}" = true ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        DEBIAN_FRONTEND=noninteractive apt-get -q install -y "$package" ||
            { apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q install -y "$package"; }
        return
    fi
    stop "Python $1 is here, but not its module for virtual environments. On Debian and Ubuntu it is a package of its own:" \
        "    sudo apt-get install $package" \
        "Then run the same command again." \
        "Thiếu mô-đun venv của Python. Hãy cài gói $package rồi chạy lại lệnh."
}

if [ ! -x "$folder/bin/python" ] || ! "$folder/bin/python" -c 'import pip' 2>/dev/null; then
    command -v "$python" >/dev/null ||
        stop "There is no $python here. Hải Đăng needs Python 3.11 or newer:" \
            "    sudo apt-get install python3 python3-venv      (Debian 12, Ubuntu 24.04 or newer)" \
            "Không tìm thấy $python. Hải Đăng cần Python 3.11 trở lên."
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        stop "$python is Python $version; Hải Đăng needs Python 3.11 or newer." \
            "If a newer one is installed under another name, say which: make run PYTHON=python3.11" \
            "$python là Python $version; Hải Đăng cần Python 3.11 trở lên (make run PYTHON=python3.11)."
    "$python" -c 'import venv, ensurepip' 2>/dev/null || venv_missing "$version"
    "$python" -c 'import sqlite3, ssl, zlib' ||
        stop "$python was built without the module named above, which Hải Đăng needs; use another Python: make run PYTHON=/usr/bin/python3"
    rm -rf "$folder"
    "$python" -m venv "$folder" ||
        stop "The virtual environment could not be made in $folder (see above)." \
            "$PWD must be writable for you, with 500 MB free. Copy the project to such a folder and run the same command there." \
            "Không tạo được môi trường ảo trong $folder (xem thông báo phía trên). Hãy chép dự án sang một thư mục" \
            "mà bạn ghi được, còn trống 500 MB, rồi chạy lại lệnh ở đó."
fi

echo "Installing the packages of lock/$lock.txt into $folder (once, and when the lock changes) ..."
"$folder/bin/python" -m pip --disable-pip-version-check install --quiet --no-deps --require-hashes -r "lock/$lock.txt" ||
    stop "The packages of lock/$lock.txt could not be installed (see above). They come from the package index that pip is set up for;" \
        "without a network, point pip to a folder of wheels: PIP_NO_INDEX=1 PIP_FIND_LINKS=/path/to/wheels make run" \
        "Không cài được các gói trong lock/$lock.txt (xem thông báo phía trên)."
[ -z "$project" ] || "$folder/bin/python" -m pip --disable-pip-version-check install --quiet --no-deps --no-build-isolation --editable .
