# M/M/1 in SimPy: a process for each customer, a resource with one place.
# mm1.py SEED CUSTOMERS prints the mean wait and the seconds it took.
import random
import sys
import time

import simpy

seed, customers = int(sys.argv[1]), int(sys.argv[2])
load = 0.8
draw = random.Random(seed)
waited = 0.0


def customer(env, server):
    global waited
    came = env.now
    with server.request() as place:
        yield place
        waited += env.now - came
        yield env.timeout(draw.expovariate(1))


def arrivals(env, server):
    for _ in range(customers):
        yield env.timeout(draw.expovariate(load))
        env.process(customer(env, server))


env = simpy.Environment()
server = simpy.Resource(env, 1)
env.process(arrivals(env, server))
began = time.perf_counter()
env.run()
print(waited / customers, time.perf_counter() - began)
