"""The scenario that `fleetcast rehearse --example` writes: every table, commented; run as it is, it succeeds."""

EXAMPLE = """\
# A rehearsal: a firmware campaign on a fleet that does not exist, in virtual time.
# Run it with: fleetcast rehearse example.toml --report report.html
# Every key has a default; what is commented out shows another choice.

name = "example"
seed = 1                           # the same seed plays the same rehearsal; --seed replaces it
# start = "2026-03-02T08:00:00Z"   # when the campaign starts

# --- Makes of devices: how they behave, and what the server's profile says of them. One table for each.

[[profile]]
name = "meter"
stack = "reference"                # what the specifications say; or a real stack: an unknown name lists them
packages = 1                       # version of the clock, multicast and fragmentation packages: 1 or 2
lorawan = "1.0"                    # "1.0" or "1.1": which root key it has
uplink_period_s = 1200
uplink_bytes = 12
time_tolerance_s = 2
# decoder_memory = 60              # most lost fragments it can repair; without it: no limit
# max_file_bytes = 100000
# firmware_management = false      # no TS006: then nothing says that the new version runs
# version_uplink_port = 3          # ... except an application uplink on this FPort
# versions_known = false           # package versions are not in the profile: each device is asked
# quirks = ["GROUPS_LOST_ON_REBOOT"]
flash_time_s = 20
reports_version_s = [30, 120]      # it tells its version by itself so long after a start

# --- The fleet: parts whose devices are alike. Losses are shares (0.1 or "10 %") of frames.
# Anything that differs from device to device is a number, { uniform = [low, high] }
# or { beta = [a, b], min = low, max = high }.

[[fleet]]
profile = "meter"
count = 140
loss = { uniform = [0.01, 0.25] }  # downlinks
uplink_loss = { beta = [2, 18], min = 0.0, max = 0.5 }
data_rate = { 3 = 0.2, 4 = 0.2, 5 = 0.6 }   # of uplinks, with weights
clock_offset_s = { uniform = [-1, 1] }
drift_ppm = { uniform = [-20, 20] }
firmware_version = "1.0.0.0"
# uplink_period_s = { uniform = [600, 1800] }   # where it differs from the profile's
# class = "C"                      # listens all the time; "A" is the default
# clock_unknown = "5 %"            # share that doesn't know the time at the start
# known = false                    # the server has never seen these devices

  [fleet.defects]                  # how many (a count, or a share below 1); each device has one at most
  never_heard = 1
  too_little_memory = { count = 1, fragments = 1 }
  reboots_in_the_middle = { count = 1, after_s = 90 }
  answers_twice = 2
  does_not_reboot = 1
  # wrong_root_key = 1
  # refuses_group = 1
  # refuses_session = 1
  # refuses_fragmentation = 1
  # refuses_reboot = 1
  # clock_never_set = 1
  # corrupt_image = 1
  # other_hardware = 1
  # wrong_version = { count = 1, version = "9.9.9.9" }

[[fleet]]                          # a few meters in cellars
profile = "meter"
count = 10
loss = { uniform = [0.25, 0.45] }
uplink_loss = 0.2
data_rate = 3
firmware_version = "1.0.0.0"

# --- The air, the gateways and the network server.

[network]
band = "EU868"                     # duty cycle and payload sizes are the band's
gateways = 1
# network_counts = true            # the network server counts multicast frames, not the campaign
# max_under_way = 3                # it queues multicast frames and spaces them itself

  # [network.bursts]               # loss comes in bursts
  # bad_share = 0.1
  # mean_bad_s = 20

  [network.server]                 # its delays and failures
  reports_lost = 0.01
  uplinks_doubled = 0.01
  # reports_late = 0.02
  # refuses = 0.01
  # queue_length = 16

  # [[network.outage]]             # the connection fails
  # after_s = 3600
  # lasts_s = 900

# --- The campaign.

[campaign]
type = "firmware"                  # or "binary", "multicast setup"
threshold_percent = 90             # of the participants must succeed
max_duration_s = 86400
class = "C"                        # of the multicast sessions: "C" or "B"
data_rate = 5
redundancy = "adaptive"            # "none", or coded fragments per uncoded one: 0.3 or "30 %"
# strategy = "fixed"               # "adaptive", "fixed" or "carousel"
# success_means = "valid"          # less than "running"
# session_start_after_s = 14400    # without it: as soon as every device can have been told
# reboot_after_s = 36000           # all reboot at that time; without it: each as soon as it is ready

  [campaign.settings]
  setup = "pipelined"              # "staged": each setup stage for all before the next begins
  duty_cycle_use = "even"          # "burst": the hour's budget back to back
  msg_retries = 4
  stage_complete_delay = 3
  # transfer_until = "threshold"
  # below_threshold = "continue"
  # any other setting of a campaign, by its name

# [[group]]                        # multicast groups, where one for each parity scheme isn't enough
# name = "near"
# data_rate = 5
#
# [[group]]
# name = "far"
# data_rate = 2

# --- The file.

[file]
size_bytes = 20000                 # random bytes; or path = "firmware.bin", from this scenario's folder
seed = 1
version = "1.1.0.0"
# profile = "meter"                # which devices it is for, where there are several profiles
# base_version = "1.0.0.0"         # a delta: only for devices that run this
"""
