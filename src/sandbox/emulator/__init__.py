"""The AWS emulator (MiniStack), patched where a deploy needs more of it.

    cloud             start, stop and state of the emulator
    configuration     its address, its engine, its environment, its account
    launcher          the emulator's own process
    patches           every change to the emulator, each with its reason
    access            the changes that decide who may do what
    recording         a record of every request, for the tests that compare it with a policy

Streams: MiniStack collects a function's answer before it sends the first byte. For image functions its two ways
into a function are replaced:

    client -- Function URL (function_url) --------------------+
                                                              +-- relay -- invocation -- http_stream -- container
    client -- InvokeWithResponseStream (response_stream) -----+   bytes as they come            (containers)

Only this room uses private names of MiniStack. MiniStack has no types and reads its settings from the environment
when it is imported, so it is imported by name, in the functions that need it.
"""
