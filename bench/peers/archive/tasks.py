"""The task queue that bench/archive.py compares with: a Celery task that puts
one JPEG into object storage with boto3 and is tried again 30 times. Pictures
come in the message, in base64, as JSON has to have them.

Its broker and the store are in REDIS_PORT and S3_ENDPOINT.
"""
import base64
import functools
import os
import threading

from celery import Celery

REDIS = f"redis://127.0.0.1:{os.environ['REDIS_PORT']}"
app = Celery("tasks", broker=f"{REDIS}/0", backend=f"{REDIS}/1")
making = threading.Lock()


@functools.cache
def make_client():
    import boto3
    import botocore.config
    return boto3.session.Session().client(
        "s3", endpoint_url=os.environ["S3_ENDPOINT"],
        config=botocore.config.Config(max_pool_connections=100,
                                      s3={"addressing_style": "path"}))


def client():
    with making:  # boto3 may not make two at once.
        return make_client()


@app.task(bind=True, max_retries=30, default_retry_delay=1)
def upload(self, bucket, key, picture):
    try:
        answer = client().put_object(
            Bucket=bucket, Key=key, Body=base64.b64decode(picture),
            ContentType="image/jpeg")
    except Exception as error:
        raise self.retry(exc=error)
    return key, answer["ETag"]
