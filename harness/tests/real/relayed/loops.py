"""Programs that last: loops.py LIBRARY HOST PORT asks its server five times a second, like a service.

An error is reported, and the next round tries again; the library must do the rest.
"""

import sys
import time

LIBRARY, HOST, PORT = sys.argv[1], sys.argv[2], int(sys.argv[3])
SECRET = {"user": "lab", "password": "secret"}


def redis():
    import redis

    pool = redis.Redis(host=HOST, port=PORT)
    return lambda: pool.set("x", "1") and pool.get("x")


def psycopg2():
    import psycopg2.pool

    pool = psycopg2.pool.SimpleConnectionPool(1, 4, host=HOST, port=PORT, dbname="postgres", **SECRET)

    def ask():
        connection = pool.getconn()
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute("select 1")
                cursor.fetchall()
        finally:
            pool.putconn(connection)  # it discards a closed one

    return ask


def pymysql():
    import pymysql

    connection = pymysql.connect(host=HOST, port=PORT, **SECRET)

    def ask():
        connection.ping(reconnect=True)
        with connection.cursor() as cursor:
            cursor.execute("select 1")
            cursor.fetchall()

    return ask


def mqtt():
    import paho.mqtt.client as mqtt

    client = mqtt.Client()
    client.on_connect = lambda client, data, flags, code: client.subscribe("$SYS/broker/uptime")
    client.connect(HOST, PORT, keepalive=5)
    client.loop_start()
    return lambda: client.publish("x", "1")


def memcache():
    import memcache

    client = memcache.Client([f"{HOST}:{PORT}"], dead_retry=1)
    return lambda: client.set("x", "1")


ask = globals()[LIBRARY]()
while True:
    try:
        ask()
    except Exception as error:
        print(type(error).__name__, error, file=sys.stderr, flush=True)
    time.sleep(0.2)
