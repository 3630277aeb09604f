# gnuplot -c plots.gp SERIES PLOTS: draws the tables in the folder SERIES, as scripts/benchmarks.sh leaves them, to SVG files
# in the folder PLOTS. Rows are drawn from the top down; the bar through a point is its spread.

series = ARG1.'/'
plots = ARG2.'/'

set encoding utf8
set datafile separator "\t"
set border 1 linecolor '#606060'
set tics nomirror out scale 0.5 textcolor '#303030'
set grid xtics ytics linecolor '#e4e4e4' linewidth 1 linetype 1
set bars 0

ours = 0x0072b2
least = 0x009e73
other = 0xd55e00

rows(file) = int(system(sprintf("wc -l < '%s%s'", series, file)))
colour(name) = strstrt(name, 'memo') == 1 ? ours : strstrt(name, 'limit') == 1 || strstrt(name, 'hash') == 1 ? least : other
number(x) = x < 10 ? sprintf('%.1f', x) : sprintf('%.0f', x)
duration(ns) = ns < 1e3 ? number(ns).' ns' : ns < 1e6 ? number(ns / 1e3).' µs' : ns < 1e9 ? number(ns / 1e6).' ms' : number(ns / 1e9).' s'
low(x, spread) = x / (1 + spread / 2)
high(x, spread) = x * (1 + spread / 2)
begin(name, width, height) = sprintf("set terminal svg size %d,%d dynamic enhanced font 'DejaVu Sans,Helvetica,Arial,sans-serif,13' background '#ffffff'; set output '%s%s.svg'", width, height, plots, name)


# A panel of rows: points, their spread, and their figures above them. The first panel beside others names the rows for all.
rows_of(file, names) = sprintf("plot '%s%s' using 2:(-$0):(low($2, $3)):(high($2, $3)):(colour(strcol(1)))%s with xerrorbars pointtype 7 pointsize 0.9 linewidth 2 linecolor rgb variable notitle, '' using 2:(-$0):(duration($2)) with labels offset 0,0.75 font ',11' notitle", series, file, names)
named(file) = rows_of(file, ':yticlabels(1)')
unnamed(file) = rows_of(file, '')
names_on = "set ytics autofreq format '% h' noenhanced"
names_off = "set ytics -100,1,0 format ''"
eval names_on

# hit: what a hit costs in each table.
eval begin('hit', 1000, 520)
set multiplot layout 1,2 title 'A hit of f(int), one thread' font ',16' margins 0.33,0.97,0.12,0.83 spacing 0.04,0
set logscale x
set format x '%.0f'
set xlabel 'ns'
set yrange [0.5 - rows('hit_small.tsv'):0.9]
set xrange [*:*]
set offsets graph 0.06, graph 0.06, 0, 0
set title '1000 entries' font ',13'
eval named('hit_small.tsv')
set title '1 000 000 entries'
eval names_off
eval unnamed('hit_large.tsv')
unset multiplot
eval names_on

# key_cost: what the key of a call costs by kind of argument.
eval begin('key_cost', 1000, 560)
set title 'The key of a call, by kind of argument' font ',16' offset 0,1.2
set tmargin 5
set lmargin at screen 0.25
set rmargin at screen 0.97
set key at graph 1,1.07 right vertical maxrows 1 samplen 1
set yrange [0.5 - rows('key_memo.tsv'):0.9]
plot series.'key_bytes.tsv' using 2:(-$0):(low($2, $3)):(high($2, $3)):yticlabels(1) with xerrorbars pointtype 7 pointsize 0.9 linewidth 2 linecolor rgb least title 'XXH3-128 of the same bytes', \
     series.'key_memo.tsv' using 2:(-$0):(low($2, $3)):(high($2, $3)) with xerrorbars pointtype 5 pointsize 0.9 linewidth 2 linecolor rgb ours title 'memo', \
     series.'key_obvious.tsv' using 2:(-$0):(low($2, $3)):(high($2, $3)) with xerrorbars pointtype 9 pointsize 1.1 linewidth 2 linecolor rgb other title 'stringstream, cereal, hash'

# backends: what a call costs over each.
colour(name) = name eq 'none: computed' ? other : ours
eval begin('backends', 1100, 560)
unset key
unset lmargin
unset rmargin
unset tmargin
set multiplot layout 1,3 title 'A call that gives a string of 100 B, over each backend' font ',16' margins 0.21,0.97,0.12,0.83 spacing 0.03,0
set format x '10^{%L}'
set yrange [0.5 - rows('backends_hit_string.tsv'):0.9]
set title 'hit' font ',13' offset 0,0
eval named('backends_hit_string.tsv')
eval names_off
set title 'hit, 64 by many'
eval unnamed('backends_many_string.tsv')
set title 'miss and store'
eval unnamed('backends_miss_string.tsv')
unset multiplot
eval names_on

# wall_time: a whole job.
eval begin('wall_time', 1000, 360)
set title 'Exact Shapley values of groups of digits: the whole job' font ',16' offset 0,0.5
set lmargin at screen 0.18
set rmargin at screen 0.94
set format x '%g'
set xlabel 'seconds'
set yrange [0.5 - rows('wall_time.tsv'):0.9]
plot series.'wall_time.tsv' using ($2 / 1e9):(-$0):(low($2, $3) / 1e9):(high($2, $3) / 1e9):((strcol(1) eq 'no cache' ? other : ours)):yticlabels(1) with xerrorbars pointtype 7 pointsize 0.9 linewidth 2 linecolor rgb variable notitle, \
     '' using ($2 / 1e9):(-$0):(sprintf('%s, ×%s', duration($2), number(1 / $4))) with labels offset 0,0.9 font ',11' notitle

# scaling: two threads that share one function.
unset logscale x
eval begin('scaling', 1000, 320)
set title 'Two threads on one memoized function: how much faster than one' font ',16' offset 0,0.5
set lmargin at screen 0.25
set xlabel 'calls of two threads in the time of one thread''s'
set offsets 0, 0, 0, 0
set xrange [0:2.2]
set yrange [0.5 - rows('scaling.tsv'):0.9]
set key at graph 1,1.1 right horizontal samplen 1
plot series.'scaling.tsv' using 2:(-$0):yticlabels(1) with points pointtype 7 pointsize 1 linecolor rgb ours title 'measured', \
     '' using 3:(-$0) with points pointtype '|' linecolor rgb other title 'goal', \
     '' using 2:(-$0):(sprintf('%.2f', $2)) with labels offset 0,0.9 font ',11' notitle

# eviction: what a cache of a tenth of the keys still serves.
eval begin('eviction', 1000, 400)
set tmargin 5
set title 'Share of hits when a tenth of the keys is kept' font ',16' offset 0,1.2
set lmargin at screen 0.2
set xlabel 'share of hits'
set xrange [0:*]
set yrange [0.4 - rows('eviction.tsv'):0.6]
set key at graph 1,1.1 right horizontal samplen 1
array policy[6] = ['memo', 'LRU', 'CLOCK', 'SIEVE', 'S3-FIFO', 'W-TinyLFU']
array tint[6] = [ours, 0x909090, 0xe69f00, 0x009e73, 0xcc79a7, 0x000000]
array shape[6] = [7, 2, 1, 4, 6, 8]
plot series.'eviction.tsv' using (0):(-$0):yticlabels(1) with points pointtype -1 notitle, \
     for [k = 1:6] '' using (column(k + 1)):(-$0 + (3.5 - k) * 0.1) with points pointtype shape[k] pointsize (k == 1 ? 1.2 : 0.9) linewidth 1.5 linecolor rgb tint[k] title policy[k]

# growth: a hit and a put by the number of entries, and their laws.
eval begin('growth', 1000, 420)
unset tmargin
unset lmargin
unset rmargin
set multiplot layout 1,2 title 'Cost by the number of entries' font ',16' margins 0.08,0.97,0.14,0.83 spacing 0.09,0
set ytics autofreq
set format y '%.0f'
set logscale y
set xlabel 'entries'
set format x '10^{%.0f}'
set xrange [2.8:7.2]
set yrange [*:*]
set key top left vertical samplen 2
curve(file, name, tint) = sprintf("'%sgrowth_%s.tsv' using 1:($2 / unit):(low($2, $3) / unit):(high($2, $3) / unit) with yerrorlines pointtype 7 linewidth 2 linecolor %d title '%s', '' using 1:($2 / $4 / unit) with lines dashtype 2 linewidth 2 linecolor %d title 'law'", series, file, tint, name, tint)
unit = 1
set title 'memory, ns' font ',13'
eval 'plot '.curve('memory_hit', 'hit', ours)
unit = 1000
set title 'disk, µs'
eval 'plot '.curve('disk_hit', 'hit', ours).', '.curve('disk_put', 'put', other)
unset multiplot
