# shellcheck shell=bash disable=SC2154,SC2034,SC2016 # names of guest.sh; awk's own $
# Networks as others see them: what tshark makes of the frames, what iperf3 carries, and
# how much a user without any rights has of it all.  Works with net.sh.

# ---- tshark ------------------------------------------------------------------------

# judge_frames: frames.pcap, a frame a line, into frames: its length, its protocols, the
# verdict on its IP, UDP and TCP checksums (0 is bad), and on the whole.
judge_frames() {
	tshark -n -r frames.pcap -o ip.check_checksum:TRUE -o udp.check_checksum:TRUE \
		-o tcp.check_checksum:TRUE -T fields -E separator=';' -E occurrence=f \
		-e frame.len -e frame.protocols -e ip.checksum.status -e udp.checksum.status \
		-e tcp.checksum.status -e _ws.malformed >frames 2>tshark.words
	is "$1_is_read_to_its_end_by_tshark" 0 $?
	is "$1_has_no_malformed_frame" 0 "$(grep -c -i malformed frames)"
}

# Those of a field's verdict.
count_frames() { # CONDITION
	awk -F ';' "$1 { n++ } END { print n + 0 }" frames
}

scenario_net_frames() {
	local protocol

	need_namespace
	serve 7
	start_inside "$peer" dns 127.0.0.1
	# With all that a guest leaves to others: long segments, checksums unfinished.
	net_run "$cloud" dhcp,names,ping,ping_host,rtt,get,put,closed,ping -a bantam.net=off \
		-a t.host=192.0.2.1 -a t.port=7 -a t.mib=2 -n user --net-dump frames.pcap
	is guest_whose_frames_are_judged_ends_with_status_0 '0 yes' "$status $(fact through)"
	judge_frames record_of_frames
	for protocol in arp udp:dhcp udp:dns tcp:dns icmp tcp; do
		has "record_has_${protocol/:/_}" frames "^[0-9]+;[^;]*:${protocol}[:;]"
	done
	between record_has_long_segments 10 1000000 "$(count_frames '$1 > 1514')"
	is record_has_no_bad_ip_header 0 "$(count_frames '$2 ~ /:ip:/ && $3 == 0')"

	# A cable that damages one frame of a million leaves nobody's work to others.
	net_run "$cloud" dhcp,names,ping,ping_host,rtt,get,put -a bantam.net=off \
		-a t.host=192.0.2.1 -a t.port=7 -a t.mib=1 -n user,corrupt=0.0001%,seed=1 \
		--net-dump frames.pcap
	judge_frames record_without_offloads
	is record_without_offloads_has_no_long_frames 0 "$(count_frames '$1 > 1514')"
	between record_without_offloads_has_many_segments 1000 1000000 \
		"$(count_frames '$2 ~ /:tcp/ && $5 == 1')"
	is record_without_offloads_has_no_bad_checksum 0 \
		"$(count_frames '$2 ~ /:ip:/ && ($3 != 1 || $4 == 0 || $5 == 0)')"
}

# ---- iperf3 ------------------------------------------------------------------------------

# carries NAME "ERRORS BYTES"
carries() {
	is "${1}_without_an_error" 0 "${2% *}"
	between "$1" 1000000 100000000000 "${2#* }"
}

# iperf WORDS...: errors and bytes of one from the host to the guest.
iperf() {
	inside iperf3 -c 127.0.0.1 -t 3 -J "$@" >iperf
	echo "$(grep -c '"error"' iperf) $(tr -d ' \t\n' <iperf | sed -n 's/.*"sum_received":{[^}]*"bytes":\([0-9]*\).*/\1/p')"
}

scenario_net_iperf() {
	local ports

	need_debian
	need_namespace
	start_inside iperf3 -s >iperf3.log
	net_start "$cloud" dhcp,debian,iperf,iperf_server,serve -a bantam.net=off -a t.host=192.0.2.1 \
		-a t.mib=0 -d "$debian_root,ro" -n user -p 0:5201 -p 0:7
	hear '^serving'
	carries guest_sends_to_the_hosts_iperf3 "$(fact iperf_sent)"
	carries guest_gets_of_the_hosts_iperf3 "$(fact iperf_got)"
	mapfile -t ports < <(sed -n 's/.*"event":"port".*"host_port":\([0-9]*\).*/\1/p' events)
	carries host_sends_to_the_guests_iperf3 "$(iperf -p "${ports[0]}")"
	carries host_gets_of_the_guests_iperf3 "$(iperf -p "${ports[0]}" -R)"
	inside "$peer" quit 127.0.0.1 "${ports[1]}"
	guest_wait
	is guest_with_iperf3_ends_with_status_0 0 "$status"
}

# ---- an ordinary user -----------------------------------------------------------------------

user=12345

# The guests of the rest of the scenario are run by a user who may use /dev/kvm and nothing
# else: no capability, no group, no runtime folder.
be_ordinary() {
	local group

	if [ -n "${BANTAM_LAB:-}" ]; then
		chown ":$user" /dev/kvm
		chmod 0660 /dev/kvm
	fi
	group=$(stat -c %g /dev/kvm)
	if ! [[ $(stat -c %a /dev/kvm) =~ [67].$ ]]; then
		skip "$scenario_name" "no group may use /dev/kvm"
		exit 0
	fi
	unset XDG_RUNTIME_DIR
	chmod a+x "$scenario_dir/.."
	chown "$user:$user" "$scenario_dir"
	AS="setpriv --reuid=$user --regid=$user --groups=$group --inh-caps=-all"
	AS+=" --bounding-set=-all --no-new-privs"
}

# May FIRST to LAST ping?
allow_pings() { # FIRST LAST
	inside sh -c "echo '$1 $2' >/proc/sys/net/ipv4/ping_group_range"
}

# get_published PORT: the web server's /file.
get_published() {
	inside timeout 20 bash -c 'exec 7<>"/dev/tcp/127.0.0.1/$1" &&
		printf "GET /file HTTP/1.0\r\n\r\n" >&7 && tail -n 1 <&7' get_published "$1"
}

scenario_net_ordinary_user() {
	local port start

	need_namespace
	be_ordinary
	allow_pings 1 0
	start_inside "$peer" dns 127.0.0.1
	mkdir web
	echo "of the host" >web/file
	start_inside busybox httpd -f -p 127.0.0.1:8000 -h web
	net_start "$cloud" dhcp,names,ping,ping_denied,gateway,web,shell -a bantam.net=off \
		-a t.host=192.0.2.1 -a t.web=8000 -a t.mib=0 -n user -p 127.0.0.1:0:8080
	hear 'job shell'
	port=$(member host_port) start=$SECONDS
	is published_web_server_answers_on_the_reported_port 'of the guest' \
		"$(get_published "$port")"
	between published_web_server_answers_at_once 0 5 $((SECONDS - start))
	is guest_is_run_by_an_ordinary_user "$user 0000000000000000" \
		"$(awk '$1 == "Uid:" { uid = $3 } $1 == "CapEff:" { print uid " " $2 }' \
			"/proc/$guest_pid/status")"
	is ordinary_users_guest_has_an_address 10.0.2.15/24 "$(fact address)"
	is ordinary_users_guest_has_names_by_the_hosts_resolver '192.0.2.7 192.0.2.7' \
		"$(fact name_udp) $(fact name_tcp)"
	is ordinary_users_guest_pings_the_router 3 "$(fact ping_router)"
	is denied_pings_are_said_to_be '0 3' "$(fact ping_denied)"
	is ordinary_users_guest_has_no_way_to_the_hosts_loopback nothing "$(fact gateway)"
	is ordinary_users_folder_is_private "$user 700" "$(stat -c '%u %a' "/tmp/bantam-$user")"
	is ordinary_users_lease_is_listed 2 "$("$bantam" net leases | wc -l)"
	say exit
	guest_wait
	is ordinary_users_guest_ends_with_status_0 0 "$status"

	allow_pings "$user" "$user"
	net_run "$cloud" dhcp,ping_host,gateway -a bantam.net=off -a t.host=192.0.2.1 -a t.web=8000 \
		-a t.mib=0 -n user,host-loopback=on
	is hosts_loopback_is_there_if_asked_for 'of the host' "$(fact gateway)"
	is allowed_pings_are_answered 3 "$(fact ping_host)"
}

scenario_net_ordinary_lan() {
	need_debian
	need_namespace
	be_ordinary
	mkdir other
	chown "$user" other
	(
		cd other || exit 1
		net_run "$cloud" address,debian,iperf_server,serve -a bantam.net=off -a t.mib=0 \
			-a t.address=10.9.0.1/24 -d "$debian_root,ro" -n network=lan
		echo "$status" >status
	) &
	wait_for other/console '^serving'
	net_run "$cloud" address,ping_host,debian,iperf,quit -a bantam.net=off -a t.host=10.9.0.1 \
		-a t.port=7 -a t.mib=0 -a t.address=10.9.0.2/24 -d "$debian_root,ro" -n network=lan --stats
	wait_for other/status .
	is ordinary_users_guests_ping_each_other 3 "$(fact ping_host)"
	carries guest_sends_to_a_guests_iperf3 "$(fact iperf_sent)"
	carries guest_gets_of_a_guests_iperf3 "$(fact iperf_got)"
	is ordinary_users_network_is_private "$user 700" "$(stat -c '%u %a' "/tmp/bantam-$user/net")"
	has stats_tell_of_the_switch stderr '^stats: net0 network lan: lost 0 while nobody served; '
	is both_ordinary_guests_end_with_status_0 '0 0' "$status $(cat other/status)"
}
